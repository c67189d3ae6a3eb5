import { describe, expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { ADAPTERS, type Adapter, type GuardOptions, type Handler, type Send } from "./adapters.ts";
import type { HttpClient, OpenClient } from "./client.ts";
import { heldBack } from "./held-back.ts";

/** What the guard guarantees behind every adapter, wherever it runs. */
export function describeGuard(openClient: OpenClient): void {
  describe.each(ADAPTERS)("behind %s,", (_, adapter) => {
    answers(adapter, openClient);
    traces(adapter, openClient);
    heldResponses(adapter, openClient);
    mistakes(adapter, openClient);
  });
}

const DONE: Handler = () => new Response("done");

function get(path = "/work/1", init: RequestInit = {}): Request {
  return new Request(`http://shop.example${path}`, init);
}

function idOf(request: Request): string {
  return new URL(request.url).pathname.slice("/work/".length);
}

/** A guarded handler for the key `work:{id}`, and its client. */
async function open(
  adapter: Adapter,
  openClient: OpenClient,
  options: Partial<GuardOptions> = {},
  handler: Handler = DONE,
): Promise<{ readonly rest: HttpClient; readonly send: Send }> {
  const rest = await openClient();
  const service = rest.locks();
  const all = { key: (request: Request) => `work:${idOf(request)}`, ...options };
  return { rest, send: adapter.guard(() => service, all, handler) };
}

/** What the handler does when another takes its lock away. */
function stealing(rest: () => HttpClient, response: () => Response): Handler {
  return async ({ lock }) => {
    await rest().command("DEL", `${rest().prefix}lock:${lock?.key ?? ""}`);
    return response();
  };
}

function answers(adapter: Adapter, openClient: OpenClient): void {
  const opened = (options?: Partial<GuardOptions>, handler?: Handler) =>
    open(adapter, openClient, options, handler);

  it("the handler runs under the lock, which is released, with two requests", async () => {
    const { rest, send } = await opened({ ttl: 5_000 }, async ({ lock }) =>
      Response.json({ key: lock?.key, held: await lock?.isHeld() }),
    );
    const answer = await send(get());
    expect(await answer.json()).toEqual({ key: "work:1", held: true });
    const { acquire, release, renew } = (await rest.counters()).byScript;
    expect({ acquire, release, asked: renew }).toEqual({ acquire: 1, release: 1, asked: 1 });
    expect(await rest.locks().isLocked("work:1")).toBe(false);
  });

  it("several keys are acquired at once, all or none", async () => {
    const { rest, send } = await opened({ key: ["a", "b"] });
    const other = await rest.locks().acquire("b");
    expect((await send(get())).status).toBe(409);
    expect(await rest.locks().isLocked("a")).toBe(false);
    await other.release();
    expect((await send(get())).status).toBe(200);
  });

  it("a key may take time to find", async () => {
    const key = async (request: Request): Promise<string> => request.clone().text();
    const { send } = await opened({ key }, async (request) =>
      Response.json([request.lock?.key, await request.text()]),
    );
    const answer = await send(get("/work/1", { method: "POST", body: "of the body" }));
    expect(await answer.json()).toEqual(["of the body", "of the body"]);
  });

  it("a null key lets the request pass without a lock", async () => {
    const { rest, send } = await opened({ key: () => null }, ({ lock }) =>
      Response.json(lock === undefined),
    );
    expect(await (await send(get())).json()).toBe(true);
    expect((await rest.counters()).requests).toBe(0);
  });

  it("OPTIONS passes without a lock", async () => {
    const { rest, send } = await opened();
    expect((await send(get("/work/1", { method: "OPTIONS" }))).status).toBe(200);
    expect((await rest.counters()).requests).toBe(0);
  });

  it("a held key is refused at once with 409, Retry-After, and nothing about the holder", async () => {
    const { rest, send } = await opened();
    const holder = await rest.locks().acquire("work:1", { ttl: 9_500, trace: "secret-trace" });
    const before = (await rest.counters()).requests;
    const answer = await send(get());
    expect((await rest.counters()).requests - before).toBe(1);
    expect(answer.status).toBe(409);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    // Long before the holder's TTL, which its renewals keep up whatever time the work takes.
    expect(answer.headers.get("retry-after")).toMatch(/^[12]$/);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ type: "about:blank", title: "Conflict", status: 409 });
    for (const secret of ["secret-trace", holder.token, "leasehold", rest.prefix, "work:1"]) {
      expect(text).not.toContain(secret);
    }
    await holder.release();
  });

  it("Retry-After is at least 1", async () => {
    const { rest, send } = await opened();
    const holder = await rest.locks().acquire("work:1", { ttl: 1_000, autoRenew: false });
    expect((await send(get())).headers.get("retry-after")).toBe("1");
    await holder.release();
  });

  it.each([423, 429] as const)("a held key is a %i when configured", async (status) => {
    const { rest, send } = await opened({ status });
    const holder = await rest.locks().acquire("work:1");
    expect((await send(get())).status).toBe(status);
    await holder.release();
  });

  it("onLocked answers instead, with request and error at hand", async () => {
    const { rest, send } = await opened({
      onLocked: (request, error) =>
        new Response(`${idOf(request)} ${error.reason}`, { status: 202 }),
    });
    const holder = await rest.locks().acquire("work:1");
    const answer = await send(get());
    expect([answer.status, await answer.text()]).toEqual([202, "1 held"]);
    await holder.release();
  });

  it("waitTimeout waits for the holder", async () => {
    const { rest, send } = await opened({ waitTimeout: 10_000 });
    const holder = await rest.locks().acquire("work:1");
    const looks = async (): Promise<number> => (await rest.counters()).byScript["acquire"] ?? 0;
    const answer = send(get());
    await eventually("it waits", async () => (await looks()) > 1);
    await holder.release();
    expect((await answer).status).toBe(200);
  });

  it("a client that disconnects while it waits ends the wait, and the handler never runs", async () => {
    let ran = false;
    const { rest, send } = await opened({ waitTimeout: 20_000 }, () => {
      ran = true;
      return new Response("done");
    });
    const holder = await rest.locks().acquire("work:1");
    const client = new AbortController();
    const answer = send(get("/work/1", { signal: client.signal }));
    client.abort();
    expect((await answer).status).toBe(503);
    expect(ran).toBe(false);
    await holder.release();
  });

  it("of 20 concurrent requests, exactly one runs the handler", async () => {
    let running = 0;
    let refused = 0;
    let end = (): void => {};
    const allAnswered = new Promise<void>((resolve) => {
      end = resolve;
    });
    const { send } = await opened({}, async () => {
      running += 1;
      await allAnswered;
      return new Response("done");
    });
    const sent = Array.from({ length: 20 }, async () => {
      const { status } = await send(get("/work/1", { method: "POST" }));
      refused += status === 409 ? 1 : 0;
      if (refused === 19) end();
      return status;
    });
    const statuses = await Promise.all(sent);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(running).toBe(1);
  });

  it("a lock is renewed while the handler works, and its service tells of it", async () => {
    const rest = await openClient();
    const events: string[] = [];
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const service = rest.locks({ onEvent: ({ type }) => events.push(type) });
    const send = adapter.guard(
      () => service,
      { key: "k", ttl: 2_000 },
      async () => {
        await ended;
        return new Response("done");
      },
    );
    const answer = send(get());
    await eventually(
      "it was renewed",
      () => events.filter((type) => type === "renewed").length > 1,
    );
    end();
    expect((await answer).status).toBe(200);
    expect([events[0], events.at(-1)]).toEqual(["acquired", "released"]);
  });

  it("a deadline of the service bounds the wait for a lock", async () => {
    const rest = await openClient();
    const holder = await rest.locks().acquire("k");
    const soon = (): Date => new Date(Date.now() + 400);
    const send = adapter.guard(
      () => rest.locks({ deadline: soon() }),
      { key: "k", waitTimeout: 60_000 },
      DONE,
    );
    expect((await send(get())).status).toBe(409);
    await holder.release();
  });

  it("waitUntil of the service is given a promise that settles with the release", async () => {
    const { rest, send } = await opened();
    expect((await send(get())).status).toBe(200);
    expect(rest.pledges).toHaveLength(1);
    await expect(Promise.all(rest.pledges)).resolves.toEqual([undefined]);
  });

  it("a handler that throws keeps its error, and the lock is released", async () => {
    const { rest, send } = await opened({}, () => {
      throw new RangeError("of the handler");
    });
    expect(await (await send(get())).text()).toBe("RangeError: of the handler");
    expect(await rest.locks().isLocked("work:1")).toBe(false);
  });

  it("a lost lock is a 500 in place of the handler's answer, without its headers", async () => {
    let rest: HttpClient | undefined;
    const headers = { "set-cookie": "session=1", "access-control-allow-origin": "*" };
    const handler = stealing(
      () => rest as HttpClient,
      () => new Response("paid", { headers }),
    );
    const made = await opened({}, handler);
    rest = made.rest;
    const answer = await made.send(get());
    expect(answer.status).toBe(500);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(await answer.text()).not.toContain("paid");
  });

  it("onLost answers instead, and the stream that nobody reads is cancelled", async () => {
    let rest: HttpClient | undefined;
    let isCancelled = false;
    const unread = (): Response =>
      new Response(
        new ReadableStream({
          cancel() {
            isCancelled = true;
          },
        }),
        { headers: { "set-cookie": "session=1" } },
      );
    const handler = stealing(() => rest as HttpClient, unread);
    const made = await opened(
      {
        onLost: (request, error) => new Response(`${idOf(request)} ${error.code}`, { status: 202 }),
      },
      handler,
    );
    rest = made.rest;
    const answer = await made.send(get());
    expect([answer.status, await answer.text()]).toEqual([202, "1 LOCK_LOST"]);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(isCancelled).toBe(true);
  });

  it("a handler's own error wins over the loss", async () => {
    let rest: HttpClient | undefined;
    const handler = stealing(
      () => rest as HttpClient,
      () => {
        throw new RangeError("of the handler");
      },
    );
    const made = await opened({}, handler);
    rest = made.rest;
    expect(await (await made.send(get())).text()).toBe("RangeError: of the handler");
  });

  it("a database without an answer is a 503 with Retry-After, and the handler does not run", async () => {
    let ran = false;
    const { rest, send } = await opened({}, () => {
      ran = true;
      return new Response("done");
    });
    await rest.addFault({ kind: "drop-request" });
    const answer = await send(get());
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(ran).toBe(false);
  });

  it("without an answer the handler runs unguarded when configured", async () => {
    const { rest, send } = await opened({ onUnavailable: "continue" }, ({ lock }) =>
      Response.json(lock === undefined),
    );
    await rest.addFault({ kind: "drop-request" });
    expect(await (await send(get())).json()).toBe(true);
  });

  it("it never runs unguarded while the lock is held", async () => {
    const { rest, send } = await opened({ onUnavailable: "continue" });
    const holder = await rest.locks().acquire("work:1");
    expect((await send(get())).status).toBe(409);
    await holder.release();
  });
}

function traces(adapter: Adapter, openClient: OpenClient): void {
  const traced = (trace: GuardOptions["trace"]) =>
    open(adapter, openClient, { trace }, ({ lock }) => Response.json(lock?.trace ?? "none"));
  const agent = (request: Request): string | undefined =>
    request.headers.get("user-agent") ?? undefined;

  it.each([
    ["an address", "ann@example.com", "ann@example.com"],
    ["a long text", "x".repeat(500), "x".repeat(256)],
  ])("a trace made of a header with %s is made to fit", async (_, header, trace) => {
    const { send } = await traced(agent);
    const answer = await send(get("/work/1", { headers: { "user-agent": header } }));
    expect([answer.status, await answer.json()]).toEqual([200, trace]);
  });

  it.each([
    ["longer characters", "\u00e9".repeat(200), "\u00e9".repeat(128)],
    ["what is no text", "a\0b\uD800c\uFFFD", "a?b?c?"],
  ])("a trace made of %s is made to fit", async (_, text, trace) => {
    const { send } = await traced(() => text);
    const answer = await send(get());
    expect([answer.status, await answer.json()]).toEqual([200, trace]);
  });

  it("a trace made of a header that is not there is none", async () => {
    const { send } = await traced(agent);
    expect(await (await send(get())).json()).toBe("none");
  });
}

function heldResponses(adapter: Adapter, openClient: OpenClient): void {
  async function streaming(options: Partial<GuardOptions> = { hold: "response" }) {
    const source = heldBack();
    const init = { status: 201, headers: { "x-mine": "1" } };
    const opened = await open(adapter, openClient, options, () => new Response(source.body, init));
    const isLocked = (): Promise<boolean> => opened.rest.locks().isLocked("work:1");
    return { ...opened, source, isLocked };
  }

  it('with hold: "response" the lock is kept until the streamed body is sent', async () => {
    const { send, source, isLocked } = await streaming();
    const answer = await send(get());
    expect([answer.status, answer.headers.get("x-mine")]).toEqual([201, "1"]);
    expect(await isLocked()).toBe(true);
    source.finish();
    expect(await answer.text()).toBe("one two");
    expect(await isLocked()).toBe(false);
  });

  it("it is released when the client cancels the body, whose source is cancelled", async () => {
    const { send, source, isLocked } = await streaming();
    const answer = await send(get());
    await answer.body?.cancel();
    expect(source.cancelled()).toBe(true);
    expect(await isLocked()).toBe(false);
  });

  it("it is released when the body fails, and the client sees the failure", async () => {
    const { send, source, isLocked } = await streaming();
    const answer = await send(get());
    source.fail();
    await expect(answer.text()).rejects.toThrow("broken");
    expect(await isLocked()).toBe(false);
  });

  it.each<[string, string, () => Response]>([
    ["an empty body", "GET", () => new Response(null, { status: 204 })],
    ["a HEAD request", "HEAD", () => new Response("text")],
  ])("it is released with the handler for %s", async (_, method, handler) => {
    const { rest, send } = await open(adapter, openClient, { hold: "response" }, handler);
    await send(get("/work/1", { method }));
    expect(await rest.locks().isLocked("work:1")).toBe(false);
  });

  it("by default the lock is released with the handler", async () => {
    const { send, source, isLocked } = await streaming({});
    const answer = await send(get());
    expect(await isLocked()).toBe(false);
    source.finish();
    await answer.text();
  });
}

function mistakes(adapter: Adapter, openClient: OpenClient): void {
  it.each([
    [{ status: 200 }, "status", "200"],
    [{ status: "409" }, "status", '"409"'],
    [{ status: 999 }, "status", "999"],
    [{ hold: "forever" }, "hold", '"forever"'],
    [{ release: true }, "release", "true"],
    [{ onUnavailable: "ignore" }, "onUnavailable", '"ignore"'],
    [{ onLocked: 1 }, "onLocked", "1"],
    [{ onLost: "x" }, "onLost", '"x"'],
    [{ ttl: 0 }, "ttl", "0"],
    [{ waitTimeout: -1 }, "waitTimeout", "-1"],
    [{ trace: "x".repeat(257) }, "trace", "257"],
    [{ key: "" }, "key", '""'],
    [{ key: 7 }, "key", "7"],
    [{ wait: 1 }, "wait", "waitTimeout"],
  ])(
    "%o is refused when the guard is created, naming option and value",
    (options, option, value) => {
      const wrong = { key: "k", ...options } as unknown as GuardOptions;
      const create = (): unknown => adapter.guard(() => expect.fail("called"), wrong, DONE);
      expect(create).toThrow(LockConfigurationError);
      expect(create).toThrow(option);
      expect(create).toThrow(value);
    },
  );

  it.each(["", "\0", "x".repeat(1_001), "\uD800", "\uFFFD"])(
    "an invalid key from the request, %j, is the client's mistake: 400",
    async (text) => {
      const { rest, send } = await open(adapter, openClient, { key: () => text });
      const answer = await send(get());
      const type = answer.headers.get("content-type");
      expect([answer.status, type]).toEqual([400, "application/problem+json"]);
      expect((await rest.counters()).requests).toBe(0);
    },
  );

  it("more than 100 keys from the request are the client's mistake: 400, and nothing is sent", async () => {
    const key = (request: Request): string[] => new URL(request.url).searchParams.getAll("key");
    const { rest, send } = await open(adapter, openClient, { key });
    const path = (count: number): string =>
      `/work/1?${Array.from({ length: count }, (_, at) => `key=${at}`).join("&")}`;
    const answer = await send(get(path(101)));
    const type = answer.headers.get("content-type");
    expect([answer.status, type]).toEqual([400, "application/problem+json"]);
    expect((await rest.counters()).requests).toBe(0);
    expect((await send(get(path(100)))).status).toBe(200);
  });

  it("a key function that returns nothing is an error, not an unguarded request", async () => {
    const key = (() => undefined) as unknown as GuardOptions["key"];
    const { send } = await open(adapter, openClient, { key });
    const answer = await send(get());
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining("key")]);
  });
}
