import { describe, expect, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { ADAPTERS, post, type Adapter, type Handler, type Options } from "./adapters.ts";
import type { OpenClient } from "./client.ts";

const TYPE = "urn:problem-type:leasehold:idempotency-";

/** What `idempotency` guarantees behind every adapter, wherever it runs. */
export function describeIdempotency(openClient: OpenClient): void {
  describe.each(ADAPTERS)("behind %s,", (_, adapter) => {
    cases(adapter, openClient);
  });
}

function cases(adapter: Adapter, openClient: OpenClient): void {
  /** A guarded handler that counts its runs. */
  async function open(
    options: Options = {},
    handler: Handler = async (request) =>
      Response.json({ got: await request.text() }, { status: 201 }),
  ) {
    const rest = await openClient();
    let runs = 0;
    const counted: Handler = (request) => {
      runs += 1;
      return handler(request);
    };
    const send = adapter.idempotency(() => rest.locks(), options, counted);
    return { rest, send, runs: () => runs };
  }

  /** A handler that is at work until it is told to end. */
  function slow(): { readonly handler: Handler; end(): void } {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    return {
      end: () => end(),
      handler: async () => {
        await ended;
        return new Response("done", { status: 201 });
      },
    };
  }

  it("a duplicate gets the first response, marked as a replay, without the handler", async () => {
    const { send, runs } = await open();
    const first = await send(post("k", { body: "a" }));
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([201, null]);
    expect(await first.json()).toEqual({ got: "a" });
    const again = await send(post("k", { body: "a" }));
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"]);
    expect(again.headers.get("content-type")).toContain("application/json");
    expect(await again.json()).toEqual({ got: "a" });
    expect(runs()).toBe(1);
  });

  it("a quoted key and a bare one are the same", async () => {
    const { send, runs } = await open();
    await send(post('"8e03978e-40d5"'));
    const bare = await send(post("8e03978e-40d5"));
    expect(bare.headers.get("idempotent-replayed")).toBe("true");
    await send(post(String.raw`"a \"b\" \\"`));
    expect(runs()).toBe(2);
  });

  it.each([
    ["a body", { body: "b" }],
    ["a path", { path: "/other" }],
    ["a query", { path: "/orders?x=1" }],
    ["a method", { method: "PATCH" }],
  ])(
    "the same key with %s of its own is a 422, and the first response is not shown",
    async (__, other) => {
      const { send, runs } = await open();
      await send(post("k"));
      const response = await send(post("k", other));
      expect(response.status).toBe(422);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ type: `${TYPE}key-reused`, status: 422 });
      expect(runs()).toBe(1);
    },
  );

  it("a duplicate is refused with 409 and Retry-After while the first is at work", async () => {
    const work = slow();
    const { rest, send, runs } = await open({}, work.handler);
    const first = send(post("k"));
    await eventually("it is at work", () => runs() === 1);
    const second = await send(post("k"));
    expect(second.status).toBe(409);
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await second.json()).toMatchObject({ type: `${TYPE}in-progress` });
    const other = await send(post("k", { body: "other" }));
    expect(other.status).toBe(422);
    work.end();
    expect((await first).status).toBe(201);
    expect((await rest.counters()).byScript).toMatchObject({ admit: 3, complete: 1 });
  });

  it("a duplicate that joins waits, and replays", async () => {
    const work = slow();
    const { rest, send, runs } = await open({ ifRunning: "join" }, work.handler);
    const first = send(post("k"));
    await eventually("it is at work", () => runs() === 1);
    const looksBefore = (await rest.counters()).byScript["admit"] ?? 0;
    const second = send(post("k"));
    await eventually(
      "it looked",
      async () => ((await rest.counters()).byScript["admit"] ?? 0) > looksBefore,
    );
    work.end();
    expect([(await first).status, (await second).status]).toEqual([201, 201]);
    expect((await second).headers.get("idempotent-replayed")).toBe("true");
    expect(runs()).toBe(1);
  });

  it("a duplicate that joins for too long gets a 409", async () => {
    const work = slow();
    const { send, runs } = await open({ ifRunning: "join", waitTimeout: 150 }, work.handler);
    const first = send(post("k"));
    await eventually("it is at work", () => runs() === 1);
    const second = await send(post("k"));
    expect(second.status).toBe(409);
    expect(second.headers.has("retry-after")).toBe(true);
    work.end();
    await first;
  });

  it("fifty at once run once, and those that join get the same response", async () => {
    const { send, runs } = await open({ ifRunning: "join" });
    const responses = await Promise.all(Array.from({ length: 50 }, () => send(post("k"))));
    const texts = new Set(await Promise.all(responses.map((response) => response.text())));
    expect([runs(), texts.size]).toEqual([1, 1]);
    const replays = responses.filter(({ headers }) => headers.has("idempotent-replayed"));
    expect(replays).toHaveLength(49);
  });

  it("keys of one scope mean nothing in another", async () => {
    const scope = (request: Request): string => request.headers.get("user") ?? "";
    const { send, runs } = await open({ scope });
    const responses = [];
    for (const user of ["ann", "bob", "public", "ann:x"]) {
      responses.push(await send(post("x:k", { headers: { user } })));
    }
    responses.push(await send(post("k", { headers: { user: "ann:x" } })));
    expect(runs()).toBe(5);
    expect(responses.some(({ headers }) => headers.has("idempotent-replayed"))).toBe(false);
  });

  it("a scope that names nobody is an error, and nothing is sent", async () => {
    const { rest, send, runs } = await open({ scope: () => "" });
    const response = await send(post("k"));
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("scope"),
    ]);
    expect([runs(), (await rest.counters()).requests]).toEqual([0, 0]);
  });

  it("a request without a key passes, unless one is required", async () => {
    const { rest, send, runs } = await open();
    expect((await send(post(undefined))).status).toBe(201);
    expect([runs(), (await rest.counters()).requests]).toEqual([1, 0]);
    const strict = await open({ required: true });
    const response = await strict.send(post(undefined));
    expect([response.status, strict.runs()]).toEqual([400, 0]);
    expect(await response.json()).toMatchObject({ type: `${TYPE}key-missing` });
  });

  it.each(["", '""', '"a', 'a"b', "a b", "a,b", '"a", "b"', "x".repeat(256), '"\\a"'])(
    "a malformed key is a 400: %j",
    async (key) => {
      const { send, runs } = await open();
      const response = await send(post(key));
      expect([response.status, runs()]).toEqual([400, 0]);
      expect(await response.json()).toMatchObject({ type: `${TYPE}key-malformed` });
    },
  );

  it.each(["GET", "HEAD", "OPTIONS"])("%s passes", async (method) => {
    const { rest, send, runs } = await open(
      { required: true },
      () => new Response(null, { status: 204 }),
    );
    expect((await send(post("k", { method }))).status).toBe(204);
    expect([runs(), (await rest.counters()).requests]).toEqual([1, 0]);
  });

  it.each([
    [500, {}],
    [503, {}],
    [408, {}],
    [429, {}],
    [409, { "retry-after": "3" }],
  ])("a %i that may pass is not remembered: the next request runs", async (status, headers) => {
    let answers = 0;
    const { send, runs } = await open({}, () => {
      answers += 1;
      return new Response("x", answers === 1 ? { status, headers } : { status: 201 });
    });
    expect((await send(post("k"))).status).toBe(status);
    expect((await send(post("k"))).status).toBe(201);
    expect(runs()).toBe(2);
  });

  it("a refusal for good is remembered", async () => {
    const { send, runs } = await open({}, () => new Response("declined", { status: 402 }));
    await send(post("k"));
    const again = await send(post("k"));
    expect([again.status, await again.text(), runs()]).toEqual([402, "declined", 1]);
  });

  it("which responses are remembered is a choice", async () => {
    const { send, runs } = await open(
      { isFinal: ({ status }) => status === 500 },
      () => new Response("x", { status: 500 }),
    );
    await send(post("k"));
    expect((await send(post("k"))).headers.get("idempotent-replayed")).toBe("true");
    expect(runs()).toBe(1);
  });

  it("a replay has the headers, but none meant for one client or connection", async () => {
    const headers = {
      location: "/orders/1",
      etag: '"v1"',
      "set-cookie": "session=secret",
      connection: "close",
      "keep-alive": "timeout=5",
    };
    const { send } = await open({}, () => new Response("x", { status: 201, headers }));
    const first = await send(post("k"));
    expect(first.headers.get("set-cookie")).toBe("session=secret");
    const again = await send(post("k"));
    expect(Object.fromEntries(again.headers)).toMatchObject({
      location: "/orders/1",
      etag: '"v1"',
    });
    for (const name of ["set-cookie", "connection", "keep-alive"]) {
      expect(again.headers.has(name)).toBe(false);
    }
  });

  it.each([
    ["bytes that are no text", Uint8Array.from({ length: 512 }, (__, at) => at % 256)],
    ["nothing", new Uint8Array()],
    ["a byte order mark", new TextEncoder().encode("\uFEFFx")],
  ])("a body of %s is replayed as it was", async (__, bytes) => {
    const { send } = await open({}, () => new Response(bytes));
    expect(new Uint8Array(await (await send(post("k"))).arrayBuffer())).toEqual(bytes);
    expect(new Uint8Array(await (await send(post("k"))).arrayBuffer())).toEqual(bytes);
  });

  it("a response without a body is replayed without one", async () => {
    const { send } = await open({}, () => new Response(null, { status: 204 }));
    await send(post("k"));
    const again = await send(post("k"));
    expect([again.status, again.body]).toEqual([204, null]);
  });

  it.each<[string, () => Response]>([
    ["larger than the limit", () => new Response("x".repeat(2_000))],
    [
      "larger than the limit, in pieces",
      () => new Response(pieces(["a".repeat(600), "b".repeat(600)])),
    ],
    [
      "a stream",
      () =>
        new Response(pieces(["data: 1\n\n"]), { headers: { "content-type": "text/event-stream" } }),
    ],
  ])(
    "a response that is %s reaches the first caller, and never runs again",
    async (__, respond) => {
      const { send, runs } = await open({ maxResponseBytes: 1_000 }, respond);
      const first = await send(post("k"));
      expect([first.status, await first.text()]).toEqual([200, await respond().text()]);
      const again = await send(post("k"));
      expect([again.status, again.headers.has("retry-after"), runs()]).toEqual([409, false, 1]);
      expect(await again.json()).toMatchObject({ type: `${TYPE}response-not-kept` });
    },
  );

  it("a request larger than the limit is a 413, and is read no further", async () => {
    const { send, runs } = await open({ maxBodyBytes: 1_000 });
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(500));
      },
    });
    const response = await send(post("k", { body: endless }));
    expect([response.status, runs()]).toEqual([413, 0]);
    expect(sent).toBeLessThan(20);
    const told = await send(post("k", { headers: { "content-length": "1001" } }));
    expect(told.status).toBe(413);
  });

  it("a fingerprint of one's own replaces the digest, and the limit with it", async () => {
    const { send, runs } = await open({ maxBodyBytes: 1, fingerprint: () => "same" });
    await send(post("k", { body: "aaa" }));
    const again = await send(post("k", { body: "bbb" }));
    expect([again.headers.get("idempotent-replayed"), runs()]).toEqual(["true", 1]);
  });

  it("a lock lost during the work is a 500 that says so, and is not remembered", async () => {
    const rest = await openClient();
    const send = adapter.idempotency(
      () => rest.locks(),
      {},
      async () => {
        const [lock] = (await rest.command("KEYS", `${rest.prefix}lock:*`)) as string[];
        await rest.command("DEL", lock ?? "");
        return new Response("done");
      },
    );
    const response = await send(post("k"));
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ type: `${TYPE}outcome-unknown` });
  });

  it("a database that gives no answer is a 503, and nothing runs", async () => {
    const { rest, send, runs } = await open();
    await rest.addFault({ kind: "error-html", script: "admit" });
    const response = await send(post("k"));
    expect([response.status, response.headers.get("retry-after"), runs()]).toEqual([503, "1", 0]);
  });

  it("a completion whose answer is lost is confirmed by the next, and replayed", async () => {
    const { rest, send, runs } = await open();
    await rest.addFault({ kind: "drop-response", script: "complete", times: 1 });
    expect((await send(post("k"))).status).toBe(201);
    expect((await send(post("k"))).headers.get("idempotent-replayed")).toBe("true");
    expect(runs()).toBe(1);
  });

  it("a response that is stored in the background is sent before", async () => {
    const { rest, send, runs } = await open({ complete: "background" });
    await rest.setLatency(50);
    expect((await send(post("k"))).status).toBe(201);
    expect((await rest.counters()).byScript["complete"] ?? 0).toBeLessThanOrEqual(1);
    await Promise.all(rest.pledges);
    expect((await send(post("k"))).headers.get("idempotent-replayed")).toBe("true");
    expect(runs()).toBe(1);
  });

  it("a lock is renewed while the handler works", async () => {
    const work = slow();
    const { rest, send, runs } = await open({ ttl: 700 }, work.handler);
    const first = send(post("k"));
    await eventually(
      "it was renewed",
      async () => ((await rest.counters()).byScript["renew"] ?? 0) >= 3,
    );
    work.end();
    expect([(await first).status, runs()]).toEqual([201, 1]);
  });

  it.each<[string, Record<string, unknown>]>([
    ["scope", { scope: null }],
    ["scope", { scope: "everyone" }],
    ["ifRunning", { ifRunning: "skip" }],
    ["complete", { complete: "later" }],
    ["waitTimeout", { waitTimeout: 100 }],
    ["maxBodyBytes", { maxBodyBytes: -1 }],
    ["required", { required: "yes" }],
    ["isFinal", { isFinal: 500 }],
    ["cache", { cache: true }],
  ])("a wrong option is refused at once: %s %o", async (option, options) => {
    const rest = await openClient();
    const build = (): unknown =>
      adapter.idempotency(
        () => rest.locks(),
        { scope: "public", ...options },
        () => new Response(),
      );
    expect(build).toThrow(expect.objectContaining({ code: "LOCK_CONFIGURATION", option }));
  });
}

function pieces(texts: readonly string[]): ReadableStream<Uint8Array> {
  const waiting = texts.map((text) => new TextEncoder().encode(text));
  return new ReadableStream({
    pull(controller) {
      const next = waiting.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
}
