import { Hono, type Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { describe, expect, expectTypeOf, it } from "vitest";
import { LockConfigurationError, type Lock, type LockAcquisitionError } from "../../src/index.ts";
import {
  locks,
  withLock,
  type GuardOptions,
  type GuardVariables,
  type LocksVariables,
} from "../../src/hono/index.ts";
import { useRest, type Rest } from "../support/rest.ts";

const { open } = useRest();

type Guarded = { Variables: LocksVariables & GuardVariables };

/** An app with one guarded route, `/work/:id`, and its handler. */
function appWith(
  rest: Rest,
  options: Partial<GuardOptions> = {},
  handler: (c: Context<Guarded>) => Response | Promise<Response> = (c) => c.text("done"),
): Hono<Guarded> {
  const service = rest.locks();
  const app = new Hono<Guarded>();
  app.use(locks(() => service));
  app.onError((error, c) => {
    if (error instanceof HTTPException) return error.getResponse();
    return c.text(`${error.name}: ${error.message}`, 500);
  });
  app.on(
    ["GET", "POST", "OPTIONS", "HEAD"],
    "/work/:id",
    withLock({ key: (c) => `work:${c.req.param("id")}`, ...options }),
    handler,
  );
  return app;
}

describe("a free key", () => {
  it("runs the handler under the lock, and releases it, with two requests", async () => {
    const rest = open();
    const app = appWith(rest, { ttl: 5_000 }, async (c) => {
      return c.json({ key: c.var.lock.key, held: await c.var.lock.isHeld() });
    });
    const answer = await app.request("/work/1");
    expect(await answer.json()).toEqual({ key: "work:1", held: true });
    expect(await rest.locks().isLocked("work:1")).toBe(false);
    const { acquire, release, renew } = rest.session.counters.byScript;
    expect({ acquire, release, asked: renew }).toEqual({ acquire: 1, release: 1, asked: 1 });
  });

  it("acquires several keys at once, all or none", async () => {
    const rest = open();
    const app = appWith(rest, { key: ["a", "b"] });
    const other = await rest.locks().acquire("b");
    expect((await app.request("/work/1")).status).toBe(409);
    expect(await rest.locks().isLocked("a")).toBe(false);
    await other.release();
    expect((await app.request("/work/1")).status).toBe(200);
  });

  it("a null key lets the request pass without a lock", async () => {
    const rest = open();
    const app = appWith(rest, { key: () => null }, (c) => c.json(c.var.lock === undefined));
    expect(await (await app.request("/work/1")).json()).toBe(true);
    expect(rest.session.counters.requests).toBe(0);
  });

  it("OPTIONS passes without a lock", async () => {
    const rest = open();
    expect((await appWith(rest).request("/work/1", { method: "OPTIONS" })).status).toBe(200);
    expect(rest.session.counters.requests).toBe(0);
  });
});

describe("a held key", () => {
  it("is refused at once with 409, Retry-After in whole seconds, and nothing about the holder", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1", { ttl: 9_500, trace: "secret-trace" });
    rest.session.counters.requests = 0;
    const answer = await appWith(rest).request("/work/1");
    expect(answer.status).toBe(409);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    // Long before the holder's TTL, which its renewals keep up whatever time the work takes.
    expect(answer.headers.get("retry-after")).toMatch(/^[12]$/);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ type: "about:blank", title: "Conflict", status: 409 });
    for (const secret of ["secret-trace", holder.token, "leasehold", rest.prefix, "work:1"]) {
      expect(text).not.toContain(secret);
    }
    expect(rest.session.counters.requests).toBe(1);
    await holder.release();
  });

  it("Retry-After is at least 1", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1", { ttl: 400, autoRenew: false });
    const answer = await appWith(rest).request("/work/1");
    expect(answer.headers.get("retry-after")).toBe("1");
    await holder.release();
  });

  it.each([423, 429] as const)("answers with status %i when configured", async (status) => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1");
    expect((await appWith(rest, { status }).request("/work/1")).status).toBe(status);
    await holder.release();
  });

  it("onLocked answers instead, with the error at hand", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1");
    const onLocked = (c: Context, error: LockAcquisitionError): Response =>
      c.text(`${error.reason} ${error.holder === holder.token}`, 202);
    const answer = await appWith(rest, { onLocked }).request("/work/1");
    expect([answer.status, await answer.text()]).toEqual([202, "held true"]);
    await holder.release();
  });

  it("waitTimeout waits for the holder", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1");
    const answer = appWith(rest, { waitTimeout: 10_000 }).request("/work/1");
    await rest.command("PING");
    await holder.release();
    expect((await answer).status).toBe(200);
  });

  it("a client that disconnects while waiting ends the wait, and the handler never runs", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1");
    let ran = false;
    const app = appWith(rest, { waitTimeout: 20_000 }, (c) => {
      ran = true;
      return c.text("done");
    });
    const client = new AbortController();
    const answer = app.request("/work/1", { signal: client.signal });
    client.abort();
    expect((await answer).status).toBe(503);
    expect(ran).toBe(false);
    await holder.release();
  });

  it("of 20 concurrent requests, exactly one runs the handler", async () => {
    const rest = open();
    let running = 0;
    const { promise: allAnswered, resolve } = Promise.withResolvers<void>();
    const app = appWith(rest, {}, async (c) => {
      running += 1;
      await allAnswered;
      return c.text("done");
    });
    let refused = 0;
    const answers = Array.from({ length: 20 }, async () => {
      const { status } = await app.request("/work/1", { method: "POST" });
      refused += status === 409 ? 1 : 0;
      if (refused === 19) resolve();
      return status;
    });
    const statuses = await Promise.all(answers);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(running).toBe(1);
  });
});

describe("the trace", () => {
  const traced = (rest: Rest, trace: GuardOptions["trace"]): Hono<Guarded> =>
    appWith(rest, { trace }, (c) => c.json(c.var.lock.trace ?? "none"));
  const agent = (c: Context): string | undefined => c.req.header("user-agent");

  it.each([
    ["an address", "ann@example.com", "ann@example.com"],
    ["a long text", "x".repeat(500), "x".repeat(256)],
    ["a text of longer characters", "\u00e9".repeat(200), "\u00e9".repeat(128)],
  ])("made of a header with %s is made to fit", async (_, header, trace) => {
    const rest = open();
    const answer = await traced(rest, agent).request("/work/1", {
      headers: { "user-agent": header },
    });
    expect([answer.status, await answer.json()]).toEqual([200, trace]);
  });

  it("made of text that is no text is made to fit", async () => {
    const rest = open();
    const answer = await traced(rest, () => "a\0b\uD800c\uFFFD").request("/work/1");
    expect([answer.status, await answer.json()]).toEqual([200, "a?b?c?"]);
  });

  it("made of a header that is not there is none", async () => {
    const rest = open();
    const answer = await traced(rest, agent).request("/work/1");
    expect([answer.status, await answer.json()]).toEqual([200, "none"]);
  });

  it("that is the same for all requests is checked when the guard is created", () => {
    const create = (): unknown => withLock({ key: "k", trace: "x".repeat(257) });
    expect(create).toThrow(expect.objectContaining({ option: "trace" }));
  });
});

describe("the types", () => {
  it("know where c.var.lock may be missing", () => {
    new Hono()
      .get("/", withLock({ key: "k" }), (c) => {
        expectTypeOf(c.var.lock).toEqualTypeOf<Lock>();
        return c.text("");
      })
      .get("/", withLock({ key: (c) => c.req.param("id") ?? null }), (c) => {
        expectTypeOf(c.var.lock).toEqualTypeOf<Lock | undefined>();
        return c.text("");
      })
      .get("/", withLock({ key: "k", onUnavailable: "continue" }), (c) => {
        expectTypeOf(c.var.lock).toEqualTypeOf<Lock | undefined>();
        return c.text("");
      });
  });
});

describe("a handler that fails", () => {
  it("keeps its own answer, and the lock is released", async () => {
    const rest = open();
    const app = appWith(rest, {}, () => {
      throw new HTTPException(418, { message: "teapot" });
    });
    expect((await app.request("/work/1")).status).toBe(418);
    expect(await rest.locks().isLocked("work:1")).toBe(false);
  });

  it("releases the lock when what it throws is not an Error", async () => {
    const rest = open();
    const app = appWith(rest, {}, () => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw "no error";
    });
    await expect(app.request("/work/1")).rejects.toBe("no error");
    expect(await rest.locks().isLocked("work:1")).toBe(false);
  });
});

describe("a lost lock", () => {
  const steal = async (c: Context<Guarded>, rest: Rest): Promise<Response> => {
    await rest.command("DEL", `${rest.prefix}lock:${c.var.lock.key}`);
    return c.text("paid", 200, { "set-cookie": "session=1", "access-control-allow-origin": "*" });
  };

  it("answers 500 in place of the handler's answer, without its headers", async () => {
    const rest = open();
    const answer = await appWith(rest, {}, (c) => steal(c, rest)).request("/work/1");
    expect(answer.status).toBe(500);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(await answer.text()).not.toContain("paid");
  });

  it("onLost answers instead", async () => {
    const rest = open();
    const options: Partial<GuardOptions> = { onLost: (c, error) => c.text(error.code, 202) };
    const answer = await appWith(rest, options, (c) => steal(c, rest)).request("/work/1");
    expect([answer.status, await answer.text()]).toEqual([202, "LOCK_LOST"]);
    expect(answer.headers.get("set-cookie")).toBeNull();
  });

  it("a handler's own error wins over the loss", async () => {
    const rest = open();
    const app = appWith(rest, {}, async (c) => {
      await steal(c, rest);
      throw new HTTPException(418);
    });
    expect((await app.request("/work/1")).status).toBe(418);
  });
});

describe("a database that does not answer", () => {
  it("answers 503 with Retry-After, and the handler does not run", async () => {
    const rest = open();
    rest.session.faults.add({ kind: "drop-request" });
    let ran = false;
    const app = appWith(rest, {}, (c) => {
      ran = true;
      return c.text("done");
    });
    const answer = await app.request("/work/1");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.text()).not.toContain(rest.session.token);
    expect(ran).toBe(false);
  });

  it("lets the handler run unguarded when configured", async () => {
    const rest = open();
    rest.session.faults.add({ kind: "drop-request" });
    const app = appWith(rest, { onUnavailable: "continue" }, (c) =>
      c.json(c.var.lock === undefined),
    );
    expect(await (await app.request("/work/1")).json()).toBe(true);
  });

  it("never runs unguarded while the lock is held", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("work:1");
    const answer = await appWith(rest, { onUnavailable: "continue" }).request("/work/1");
    expect(answer.status).toBe(409);
    await holder.release();
  });
});

describe("a configuration mistake", () => {
  it.each([
    [{ status: 200 }, "status", "200"],
    [{ status: "409" }, "status", '"409"'],
    [{ status: 999 }, "status", "999"],
    [{ hold: "forever" }, "hold", '"forever"'],
    [{ release: true }, "release", "true"],
    [{ onUnavailable: "ignore" }, "onUnavailable", '"ignore"'],
    [{ onLocked: 1 }, "onLocked", "1"],
    [{ ttl: 0 }, "ttl", "0"],
    [{ waitTimeout: -1 }, "waitTimeout", "-1"],
    [{ key: "" }, "key", '""'],
    [{ key: 7 }, "key", "7"],
  ])(
    "%o is refused when the guard is created, naming option and value",
    (options, option, value) => {
      const wrong = { key: "k", ...options } as unknown as GuardOptions;
      expect(() => withLock(wrong)).toThrow(LockConfigurationError);
      expect(() => withLock(wrong)).toThrow(option);
      expect(() => withLock(wrong)).toThrow(value);
    },
  );

  it("a guard without locks() is reported", async () => {
    const app = new Hono();
    app.onError((error, c) => c.text(error.message, 500));
    app.get("/", withLock({ key: "k" }), (c) => c.text("done"));
    expect(await (await app.request("/")).text()).toContain("app.use(locks(");
  });

  it("a guard whose key this request already holds is an error, not a 409 against itself", async () => {
    const rest = open();
    const app = new Hono();
    app.use(locks(() => rest.locks()));
    app.onError((error, c) => c.text(error.message, 500));
    app.get("/", withLock({ key: "k" }), withLock({ key: ["j", "k"] }), (c) => c.text("done"));
    const answer = await app.request("/");
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('"k"')]);
    expect(await rest.locks().isLocked("k")).toBe(false);
  });

  it("so is one whose key this request has acquired itself", async () => {
    const rest = open();
    const app = new Hono<{ Variables: LocksVariables }>();
    app.use(locks(() => rest.locks()));
    app.onError((error, c) => c.text(error.message, 500));
    app.use(async (c, next) => {
      const lock = await c.var.locks.acquire("k");
      await next();
      await lock.release();
    });
    app.get("/", withLock({ key: "k" }), (c) => c.text("done"));
    expect((await app.request("/")).status).toBe(500);
  });

  it.each([{}, { waitTimeout: 20_000 }])(
    "so is one whose key this request holds by a service of another locks(), with %o",
    async (patience) => {
      const rest = open();
      const inner = new Hono();
      inner.use(locks(() => rest.locks()));
      inner.get("/", withLock({ key: ["j", "k"], ...patience }), (c) => c.text("done"));
      const app = new Hono();
      app.use(locks(() => rest.locks()));
      app.onError((error, c) => c.text(error.message, 500));
      app.use("/sub/*", withLock({ key: "k" }));
      app.use(
        "/sub/*",
        locks(() => rest.locks()),
      );
      app.route("/sub", inner);
      const answer = await app.request("/sub");
      expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('"k"')]);
      expect(await rest.locks().isLocked("k")).toBe(false);
    },
  );

  it("services of two locks() with keys of their own do not get in each other's way", async () => {
    const rest = open();
    const app = new Hono();
    app.use(
      locks(() => rest.locks({ keyPrefix: "shop:" })),
      withLock({ key: "k" }),
    );
    app.use(
      locks(() => rest.locks({ keyPrefix: "user:" })),
      withLock({ key: "k" }),
    );
    app.get("/", (c) => c.text("done"));
    expect((await app.request("/")).status).toBe(200);
  });

  it("a key held by another request is a 409, whatever else this request holds", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("j");
    const app = new Hono();
    app.use(locks(() => rest.locks()));
    app.get("/", withLock({ key: "k" }), withLock({ key: "j" }), (c) => c.text("done"));
    expect((await app.request("/")).status).toBe(409);
    await holder.release();
  });

  it("two guards with two keys nest", async () => {
    const rest = open();
    const app = new Hono();
    app.use(locks(() => rest.locks()));
    app.get("/", withLock({ key: "k" }), withLock({ key: "j" }), (c) => c.text("done"));
    expect((await app.request("/")).status).toBe(200);
  });

  it.each(["", "\0", "x".repeat(1_001), "\uD800", "\uFFFD"])(
    "an invalid key from the request, %j, is the client's mistake: 400",
    async (text) => {
      const rest = open();
      const answer = await appWith(rest, { key: () => text }).request("/work/1");
      expect([answer.status, answer.headers.get("content-type")]).toEqual([
        400,
        "application/problem+json",
      ]);
      expect(rest.session.counters.requests).toBe(0);
    },
  );

  it("more than 100 keys from the request are the client's mistake: 400, and nothing is sent", async () => {
    const rest = open();
    const key = (c: Context): string[] => c.req.queries("key") ?? [];
    const app = appWith(rest, { key });
    const path = (count: number): string =>
      `/work/1?${Array.from({ length: count }, (_, at) => `key=${at}`).join("&")}`;
    const answer = await app.request(path(101));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      400,
      "application/problem+json",
    ]);
    expect(rest.session.counters.requests).toBe(0);
    expect((await app.request(path(100))).status).toBe(200);
  });

  it("a key function that returns nothing is an error, not an unguarded request", async () => {
    const rest = open();
    const key = (() => undefined) as unknown as GuardOptions["key"];
    const answer = await appWith(rest, { key }).request("/work/1");
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("key")]);
  });
});
