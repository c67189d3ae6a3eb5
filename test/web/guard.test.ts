import { describe, expect, it } from "vitest";
import { LockConfigurationError, type RequestContext } from "../../src/index.ts";
import { idempotency, withLock } from "../../src/web/index.ts";
import { heldBack } from "../http/held-back.ts";
import { useRest } from "../support/rest.ts";

const { open } = useRest();

function get(path = "/", init: RequestInit = {}): Request {
  return new Request(`http://shop.example${path}`, init);
}

const done = (): Response => new Response("done");

describe("where the locks are", () => {
  it("may be a database, the options of a service, a service, or a function that returns one", async () => {
    const rest = open();
    const sources = [
      rest.database(),
      { database: rest.database(), keyPrefix: "options:" },
      rest.locks(),
      () => rest.database(),
      () => rest.locks().forRequest({}),
    ];
    for (const locks of sources) {
      const guarded = withLock({ locks, key: "k" }, done);
      expect((await guarded(get())).status).toBe(200);
    }
  });

  it("may be found in what the platform calls the handler with, as are keys and traces", async () => {
    const rest = open();
    const given: Promise<unknown>[] = [];
    const ctx: RequestContext = { waitUntil: (promise) => void given.push(promise) };
    const guarded = withLock(
      {
        locks: (_request: Request, env: { tenant: string }, context: RequestContext) =>
          rest.locks({ keyPrefix: `${env.tenant}:` }).forRequest(context),
        key: (request: Request, env: { tenant: string }) =>
          `${env.tenant}${new URL(request.url).pathname}`,
        trace: (_request: Request, env: { tenant: string }) => env.tenant,
      },
      (request, env, context) =>
        Response.json([request.lock.key, request.lock.trace, env.tenant, context === ctx]),
    );
    const answer = await guarded(get("/a"), { tenant: "ann" }, ctx);
    expect(await answer.json()).toEqual(["ann/a", "ann", "ann", true]);
    expect(given).toHaveLength(1);
    await Promise.all(given);
  });

  it("onLocked and onLost find the request first, the error second, and the rest behind", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("k");
    const guarded = withLock(
      {
        locks: rest.locks(),
        key: "k",
        onLocked: (request: Request, error, env: string) =>
          new Response(`${request.method} ${error.code} ${env}`),
      },
      (_request: Request, _env: string) => done(),
    );
    expect(await (await guarded(get(), "env")).text()).toBe("GET LOCK_ACQUISITION env");
    await holder.release();
  });

  it.each([undefined, null, 7, "redis"])("must not be %j", (locks) => {
    const create = (): unknown => withLock({ locks: locks as never, key: "k" }, done);
    expect(create).toThrow(expect.objectContaining({ option: "locks" }));
  });

  it("and what the handler is, are checked when the guard is created", () => {
    const rest = open();
    const create = (): unknown => withLock({ locks: rest.locks(), key: "k" }, "done" as never);
    expect(create).toThrow(expect.objectContaining({ option: "handler" }));
  });
});

describe("a guard inside of another", () => {
  it.each([{}, { waitTimeout: 20_000 }])(
    "for a key that its request holds already is an error, not a wait for itself, with %o",
    async (patience) => {
      const rest = open();
      const inner = withLock({ locks: rest.locks(), key: ["j", "k"], ...patience }, done);
      const outer = withLock({ locks: rest.locks(), key: "k" }, inner);
      await expect(outer(get())).rejects.toThrow(LockConfigurationError);
      await expect(outer(get())).rejects.toThrow('"k" is held by this very request');
      expect(await rest.locks().isLocked("k")).toBe(false);
    },
  );

  it("is a 409 for a key of another request, whatever else its own holds", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("j");
    const inner = withLock({ locks: rest.locks(), key: "j" }, done);
    expect((await withLock({ locks: rest.locks(), key: "k" }, inner)(get())).status).toBe(409);
    await holder.release();
  });

  it("gives the handler the lock of its own, and nothing of a request that was answered", async () => {
    const rest = open();
    const locks = rest.locks();
    const inner = withLock({ locks, key: "j" }, ({ lock }) => Response.json(lock.key));
    const guarded = withLock({ locks, key: "k" }, inner);
    const request = get();
    expect(await (await guarded(request)).json()).toBe("j");
    // The same request object again, as a wrapper that retries would send it, while another has the key.
    const holder = await locks.acquire("k");
    expect((await guarded(request)).status).toBe(409);
    await holder.release();
  });

  it("that loses the outer lock has its held body cancelled, and its own lock released", async () => {
    const rest = open();
    const locks = rest.locks();
    const source = heldBack();
    const inner = withLock({ locks, key: "j", hold: "response" }, async () => {
      await rest.command("DEL", `${rest.prefix}lock:k`);
      return new Response(source.body);
    });
    const answer = await withLock({ locks, key: "k" }, inner)(get());
    expect(answer.status).toBe(500);
    expect(source.cancelled()).toBe(true);
    expect(await locks.isLocked("j")).toBe(false);
  });
});

describe("a handler that is answered once", () => {
  it("finds the lock that is held meanwhile at its request", async () => {
    const rest = open();
    const handler = idempotency({ locks: rest.locks(), scope: "public" }, ({ lock }) =>
      Response.json(typeof lock?.fence),
    );
    const headers = { "idempotency-key": "k" };
    const answer = await handler(get("/", { method: "POST", headers }));
    expect(await answer.json()).toBe("number");
  });

  it("may be guarded, and the other way round", async () => {
    const rest = open();
    const locks = rest.locks();
    const once = idempotency({ locks, scope: "public" }, done);
    const twice = idempotency({ locks, scope: "public" }, withLock({ locks, key: "k" }, done));
    for (const handler of [withLock({ locks, key: "k" }, once), twice]) {
      const headers = { "idempotency-key": crypto.randomUUID() };
      const send = (): Promise<Response> => handler(get("/", { method: "POST", headers }));
      const replays = [await send(), await send()].map(({ headers: sent }) =>
        sent.get("idempotent-replayed"),
      );
      expect(replays).toEqual([null, "true"]);
    }
  });
});

it("a handler that returns no response, as after an upgrade of Bun's, leaves nothing locked", async () => {
  const rest = open();
  for (const hold of ["handler", "response"] as const) {
    const guarded = withLock({ locks: rest.locks(), key: "k", hold }, () => undefined as never);
    await guarded(get()).catch(() => undefined);
    expect(await rest.locks().isLocked("k")).toBe(false);
  }
});
