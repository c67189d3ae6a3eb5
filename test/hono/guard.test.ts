import { Hono, type Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { Lock } from "../../src/index.ts";
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

describe("an answer in place of the handler's", () => {
  it("has the headers that a middleware before it has set", async () => {
    const rest = open();
    const holder = await rest.locks().acquire("k");
    const app = new Hono();
    app.use(locks(() => rest.locks()));
    app.use(async (c, next) => {
      c.header("x-request-id", "17");
      c.header("set-cookie", "seen=1");
      await next();
    });
    app.get("/", withLock({ key: "k" }), (c) => c.text("done"));
    const { status, headers } = await app.request("/");
    expect([status, headers.get("x-request-id")]).toEqual([409, "17"]);
    expect(headers.getSetCookie()).toEqual(["seen=1"]);
    expect(headers.get("content-type")).toBe("application/problem+json");
    await holder.release();
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

describe("a configuration mistake", () => {
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
});
