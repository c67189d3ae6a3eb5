import { Hono, type Context, type MiddlewareHandler } from "hono";
import { describe, expect, it } from "vitest";
import { locks, withLock, type GuardOptions } from "../../src/hono/index.ts";
import { useRest, type Rest } from "../support/rest.ts";

const { open } = useRest();

const key = "stream";

function appWith(
  rest: Rest,
  options: Partial<GuardOptions>,
  handler: (c: Context) => Response,
): Hono {
  const app = new Hono();
  app.use(locks(() => rest.locks()));
  app.all("/", withLock({ key, ...options }), handler);
  return app;
}

/** A body of two chunks, the second held back; records whether it was cancelled. */
function heldBack(): { body: ReadableStream; finish(): void; fail(): void; cancelled(): boolean } {
  let cancelled = false;
  let controller: ReadableStreamDefaultController | undefined;
  const body = new ReadableStream({
    start(made) {
      controller = made;
      made.enqueue(new TextEncoder().encode("one "));
    },
    cancel() {
      cancelled = true;
    },
  });
  return {
    body,
    cancelled: () => cancelled,
    fail: () => controller?.error(new Error("broken")),
    finish() {
      controller?.enqueue(new TextEncoder().encode("two"));
      controller?.close();
    },
  };
}

describe('hold: "response"', () => {
  it("keeps the lock until the streamed body is sent", async () => {
    const rest = open();
    const source = heldBack();
    const answer = await appWith(rest, { hold: "response" }, () => {
      return new Response(source.body, { status: 201, headers: { "x-mine": "1" } });
    }).request("/");
    expect([answer.status, answer.headers.get("x-mine")]).toEqual([201, "1"]);
    expect(await rest.locks().isLocked(key)).toBe(true);
    source.finish();
    expect(await answer.text()).toBe("one two");
    expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it("releases the lock when the client cancels the body, and cancels its source", async () => {
    const rest = open();
    const source = heldBack();
    const answer = await appWith(
      rest,
      { hold: "response" },
      () => new Response(source.body),
    ).request("/");
    await answer.body?.cancel();
    expect(source.cancelled()).toBe(true);
    expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it("releases the lock when the body fails, and the client sees the failure", async () => {
    const rest = open();
    const source = heldBack();
    const answer = await appWith(
      rest,
      { hold: "response" },
      () => new Response(source.body),
    ).request("/");
    source.fail();
    await expect(answer.text()).rejects.toThrow("broken");
    expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it.each([
    ["an empty body", "GET", () => new Response(null, { status: 204 })],
    ["a HEAD request", "HEAD", () => new Response("text")],
  ])("releases the lock with the handler for %s", async (_, method, handler) => {
    const rest = open();
    await appWith(rest, { hold: "response" }, handler).request("/", { method });
    expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it("by default the lock is released with the handler", async () => {
    const rest = open();
    const source = heldBack();
    const answer = await appWith(rest, {}, () => new Response(source.body)).request("/");
    expect(await rest.locks().isLocked(key)).toBe(false);
    source.finish();
    await answer.text();
  });
});

describe('hold: "response", with a middleware between locks() and the guard', () => {
  /** An app whose guarded handler streams, and the source of its body. */
  function streaming(
    rest: Rest,
    ...between: MiddlewareHandler[]
  ): { app: Hono; source: ReturnType<typeof heldBack> } {
    const source = heldBack();
    const app = new Hono();
    app.onError((error, c) => c.text(error.message, 500));
    app.use(locks(() => rest.locks()));
    for (const middleware of between) app.use(middleware);
    app.get("/", withLock({ key, hold: "response" }), () => new Response(source.body));
    return { app, source };
  }

  const replacing: MiddlewareHandler = async (c, next) => {
    await next();
    c.res = c.text("another");
  };
  const throwing: MiddlewareHandler = async (_, next) => {
    await next();
    throw new Error("another");
  };

  it.each([
    ["replaces the response", replacing],
    ["throws", throwing],
  ])("that %s: the lock is released, and the body cancelled", async (_, between) => {
    const rest = open();
    const { app, source } = streaming(rest, between);
    expect(await (await app.request("/")).text()).toBe("another");
    expect(await rest.locks().isLocked(key)).toBe(false);
    expect(source.cancelled()).toBe(true);
  });

  it("that throws what is not an Error: the lock is released", async () => {
    const rest = open();
    const { app, source } = streaming(rest, async (_, next) => {
      await next();
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw "no error";
    });
    await expect(app.request("/")).rejects.toBe("no error");
    expect(await rest.locks().isLocked(key)).toBe(false);
    expect(source.cancelled()).toBe(true);
  });

  it("that replaces the response of two guards: both locks are released", async () => {
    const rest = open();
    const outer = withLock({ key: "outer", hold: "response" });
    const { app, source } = streaming(rest, replacing, outer);
    await app.request("/");
    expect(await rest.locks().isLocked("outer")).toBe(false);
    expect(await rest.locks().isLocked(key)).toBe(false);
    expect(source.cancelled()).toBe(true);
  });

  it("that answers before the handler does: the lock is released when the handler is done", async () => {
    const rest = open();
    const { promise: timedOut, resolve: timeOut } = Promise.withResolvers<void>();
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    // As middlewares that limit the time do.
    const { app, source } = streaming(rest, async (c, next) => {
      await Promise.race([next().finally(end), timedOut]);
      return c.text("timeout");
    });
    const { promise: work, resolve: finish } = Promise.withResolvers<void>();
    app.get("/slow", withLock({ key, hold: "response" }), async () => {
      timeOut();
      await work;
      return new Response(source.body);
    });
    expect(await (await app.request("/slow")).text()).toBe("timeout");
    expect(await rest.locks().isLocked(key)).toBe(true);
    finish();
    await ended;
    expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it.each<[string, MiddlewareHandler]>([
    [
      "sets a header",
      async (c, next) => {
        await next();
        c.header("x-mine", "1");
        c.res.headers.set("x-yours", "2");
      },
    ],
    [
      "makes a new response of the body",
      async (c, next) => {
        await next();
        c.res = new Response(c.res.body, { status: 202 });
      },
    ],
    [
      "sends the body through a transformation",
      async (c, next) => {
        await next();
        c.res = new Response(c.res.body?.pipeThrough(new TransformStream()), c.res);
      },
    ],
    [
      "reads a clone",
      async (c, next) => {
        await next();
        void c.res.clone().text();
      },
    ],
  ])("that %s: the lock is kept until the body is sent", async (_, between) => {
    const rest = open();
    const { app, source } = streaming(rest, between);
    const answer = await app.request("/");
    expect(await rest.locks().isLocked(key)).toBe(true);
    source.finish();
    expect(await answer.text()).toBe("one two");
    expect(await rest.locks().isLocked(key)).toBe(false);
  });
});

describe('release: "background"', () => {
  it("answers while the release is still in flight, and waitUntil covers it", async () => {
    const rest = open();
    const { promise: letGo, resolve } = Promise.withResolvers<void>();
    rest.session.faults.add({ kind: "delay-request", match: "release", until: letGo });
    const app = appWith(rest, { release: "background" }, (c) => c.text("done"));
    const answer = await app.request("/");
    expect(await answer.text()).toBe("done");
    expect(await rest.locks().isLocked(key)).toBe(true);
    expect((await app.request("/")).status).toBe(409);
    resolve();
    await Promise.all(rest.pledges);
    expect(await rest.locks().isLocked(key)).toBe(false);
  });
});

describe("waitUntil of the platform", () => {
  it("is given the lock's promise, which settles with the release", async () => {
    const rest = open();
    const given: Promise<unknown>[] = [];
    const context = {
      waitUntil: (promise: Promise<unknown>) => void given.push(promise),
      passThroughOnException: () => undefined,
      props: {},
    };
    const app = appWith(rest, {}, (c) => c.text("done"));
    expect((await app.request("/", {}, {}, context)).status).toBe(200);
    expect(given).toHaveLength(1);
    await expect(Promise.all(given)).resolves.toEqual([undefined]);
  });
});
