import { waitUntil as ambientWaitUntil } from "cloudflare:workers";
import { Hono } from "hono";
import { consumeOnce } from "../../src/cloudflare/index.ts";
import {
  LockService,
  isLockError,
  systemRuntime,
  type Lock,
  type LockEvent,
  type RequestContext,
} from "../../src/index.ts";
import { idempotency, locks, withLock, type LocksVariables } from "../../src/hono/index.ts";
import { idempotency as idempotent, withLock as guarded } from "../../src/web/index.ts";
import example from "../../worker/index.ts";
import type { Mail } from "../../worker/mails.ts";
import { unboundedDatabase, unboundedRedis } from "./redis-client.ts";

/** Expiry of what a test leaves behind for another request to read. */
const EXPIRY_S = 60;

// At module level, shared by all requests of the isolate: allowed, because it does no I/O.
const redis = unboundedRedis();
const service = new LockService({ database: unboundedDatabase(redis) });
/** Bound to no request, and yet each lock to the one that acquires it. */
const ambient = new LockService({
  database: unboundedDatabase(redis),
  waitUntil: ambientWaitUntil,
});

/** For it a second is a tenth of one. */
const hasty = new LockService({
  database: unboundedDatabase(redis),
  requestBudget: 2,
  runtime: {
    ...systemRuntime,
    now: () => ({ wall: Date.now(), monotonic: performance.now() * 10 }),
    sleep: (ms, signal, options) => systemRuntime.sleep(ms / 10, signal, options),
  },
});

/** The Worker under test: the example, and routes for the tests. */
const test = new Hono<{ Variables: LocksVariables }>();
test.use(locks(() => service));

const slowGuard = withLock({ key: (c) => keyOf(c), ttl: 20_000 });
test.post("/slow/hono/:key", slowGuard, async (c) => workSlowly(keyOf(c)));
const slowFetch = guarded(
  { locks: forRequest, key: (request: Request) => lastPart(request), ttl: 20_000 },
  (request) => workSlowly(lastPart(request)),
);
test.post("/slow/web/:key", async (c) => slowFetch(c.req.raw, c.executionCtx));

const onceGuard = idempotency({ scope: "public", required: true });
test.post("/once/hono/:key", onceGuard, async (c) => workSlowly(keyOf(c)));
const onceFetch = idempotent({ locks: forRequest, scope: "public", required: true }, (request) =>
  workSlowly(lastPart(request)),
);
test.post("/once/web/:key", async (c) => onceFetch(c.req.raw, c.executionCtx));

function forRequest(_request: Request, ctx: RequestContext): LockService {
  return service.forRequest(ctx);
}

function lastPart({ url }: Request): string {
  return url.slice(url.lastIndexOf("/") + 1);
}

/** Takes a second, and says when it has ended. */
async function workSlowly(key: string): Promise<Response> {
  try {
    await pause(1_000);
    return new Response("done", { status: 201 });
  } finally {
    await redis.incr(`finally:${key}`);
    await redis.expire(`finally:${key}`, EXPIRY_S);
  }
}

test.post("/held/:key/:how{bound|unbound}/:ttl/:ms", async (c) => {
  const { how, ttl, ms } = c.req.param();
  const work = async (lock: Lock): Promise<boolean> => {
    await pause(Number(ms));
    return lock.isHeld();
  };
  const through = how === "bound" ? c.var.locks : service;
  // Renewed long before it would expire, so that a busy machine may be late.
  const options = { ttl: Number(ttl), autoRenew: { intervalFraction: 0.2 } };
  return c.json({ isHeld: await through.withLock(keyOf(c), work, options) });
});

test.post("/later/:key/:waitUntil{own|none|ambient}", async (c) => {
  const through = c.req.param("waitUntil") === "ambient" ? ambient : c.var.locks;
  const lock = await through.acquire(keyOf(c), {
    ttl: 1_500,
    autoRenew: { intervalFraction: 0.14 },
  });
  const work = async (): Promise<void> => {
    await pause(3_500);
    const isHeld = await lock.isHeld();
    const report = { isHeld, isLost: lock.signal.aborted, fence: lock.fence };
    await redis.set(`report:${keyOf(c)}`, JSON.stringify(report), { ex: EXPIRY_S });
    await lock.release();
  };
  // Without its own waitUntil, the lock's keeps the request alive.
  if (c.req.param("waitUntil") === "own") c.executionCtx.waitUntil(work());
  else void work();
  return c.json({ fence: lock.fence }, 202);
});

test.post(
  "/warned/:key",
  locks(() => hasty),
  async (c) => {
    const lock = await c.var.locks.acquire(keyOf(c), { ttl: 60_000 });
    const events: LockEvent[] = [];
    const stop = c.var.locks.events.subscribe((event) => {
      const isOwn = "token" in event ? event.token === lock.token : event.type === "requestBudget";
      if (isOwn) events.push(event);
    });
    const work = async (): Promise<void> => {
      const isWarned = (): boolean => events.some(({ type }) => type === "heldAfterResponse");
      while (!isWarned()) await pause(50);
      stop();
      await redis.set(`report:${keyOf(c)}`, JSON.stringify(events), { ex: EXPIRY_S });
      // At last: until then the lock's waitUntil lets this go on.
      await lock.release();
    };
    void work();
    return c.body(null, 202);
  },
);

test.post(
  "/count/:key",
  withLock({
    key: (c) => keyOf(c),
    waitTimeout: 25_000,
    retry: { initialDelay: 50, maxDelay: 1_000 },
  }),
  async (c) => {
    const counter = `counter:${keyOf(c)}`;
    const count = Number(await redis.get(counter)) + 1;
    await redis.set(counter, count, { ex: EXPIRY_S });
    return c.json({ count });
  },
);

test.post("/unbound-wait-until/:key", async (c) => {
  // Like `const { waitUntil } = ctx` in a Worker; the test runner binds the context's own.
  const { waitUntil } = Object.getPrototypeOf(c.executionCtx) as Required<RequestContext>;
  try {
    await service.forRequest({ waitUntil }).acquire(keyOf(c));
    return c.text("acquired");
  } catch (error) {
    return c.text(isLockError(error, "LOCK_CONFIGURATION") ? error.message : String(error), 500);
  }
});

test.get(
  "/streamed/:key/:then{kept|replaced}",
  async (c, next) => {
    await next();
    c.header("x-then", c.req.param("then"));
    if (c.req.param("then") === "replaced") c.res = c.text("another");
  },
  withLock({ key: (c) => keyOf(c), hold: "response" }),
  (c) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    c.executionCtx.waitUntil(writeUntilTold(writable, keyOf(c)).catch(() => undefined));
    return c.body(readable);
  },
);

/** Writes one chunk at once, and the last when the test says so. */
async function writeUntilTold(writable: WritableStream<Uint8Array>, key: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode("one "));
  while ((await redis.get(`told:${key}`)) === null) await pause(50);
  await writer.write(new TextEncoder().encode("two"));
  await writer.close();
}

function keyOf(c: { readonly req: { param(name: string): string | undefined } }): string {
  return c.req.param("key") ?? "";
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What a message of the queue "chores" asks of its consumer. */
export interface Chore {
  readonly id: string;
  readonly does: "work" | "fail" | "die";
}

/** Counts how often each chore is begun. One that dies does so in its first delivery, when it is told. */
const chores = consumeOnce(
  () => service,
  {
    key: ({ id }: Chore) => id,
    ttl: 3_000,
    retry: { initialDelay: 1, maxDelay: 1 },
    onError: () => undefined,
  },
  async ({ body: { id, does }, attempts }, _env, ctx: ExecutionContext) => {
    await redis.incr(`chore:${id}`);
    await redis.expire(`chore:${id}`, EXPIRY_S);
    if (does === "fail") throw new Error("a poison message");
    if (does !== "die" || attempts > 1) return;
    while ((await redis.get(`told:${id}`)) === null) await pause(50);
    ctx.abort("killed");
    await new Promise(() => undefined);
  },
);

const all = new Hono<{ Bindings: Cloudflare.Env }>().route("/test", test);
all.all("*", (c) => example.fetch(c.req.raw, c.env, c.executionCtx));

export default {
  fetch: all.fetch,
  async queue(batch, env, ctx) {
    if (batch.queue === "chores") await chores(batch as MessageBatch<Chore>, env, ctx);
    // Whatever arrives here was given up by the queue.
    else if (batch.queue === "dead-chores") {
      for (const { body } of (batch as MessageBatch<Chore>).messages) {
        await redis.incr(`dead-chore:${body.id}`);
        await redis.expire(`dead-chore:${body.id}`, EXPIRY_S);
      }
    } else await example.queue(batch as MessageBatch<Mail>, env, ctx);
  },
  scheduled: example.scheduled,
} satisfies ExportedHandler<Cloudflare.Env>;
