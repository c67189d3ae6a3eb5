import { Hono, type MiddlewareHandler } from "hono";
import { describe, expect, it } from "vitest";
import { locks, withLock } from "../../src/hono/index.ts";
import { heldBack, type HeldBack } from "../http/held-back.ts";
import { useRest, type Rest } from "../support/rest.ts";

const { open } = useRest();

const key = "stream";

describe('hold: "response", with a middleware between locks() and the guard', () => {
  /** An app whose guarded handler streams, and the source of its body. */
  function streaming(rest: Rest, ...between: MiddlewareHandler[]): { app: Hono; source: HeldBack } {
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

describe("waitUntil of the platform", () => {
  it("is given the lock's promise, which settles with the release", async () => {
    const rest = open();
    const given: Promise<unknown>[] = [];
    const context = {
      waitUntil: (promise: Promise<unknown>) => void given.push(promise),
      passThroughOnException: () => undefined,
      props: {},
    };
    const app = new Hono();
    app.use(locks(() => rest.locks()));
    app.get("/", withLock({ key }), (c) => c.text("done"));
    expect((await app.request("/", {}, {}, context)).status).toBe(200);
    expect(given).toHaveLength(1);
    await expect(Promise.all(given)).resolves.toEqual([undefined]);
  });
});
