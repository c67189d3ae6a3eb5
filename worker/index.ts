import type { Redis } from "@upstash/redis/cloudflare";
import { Hono, type Context } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { timingSafeEqual } from "hono/utils/buffer";
import { idempotency, locks, withLock, type LocksVariables } from "leasehold/hono";
import type { Lock, LockService } from "leasehold";
import { upstash } from "leasehold/upstash";
import type { Bindings } from "./bindings.ts";
import { queue, type Mail } from "./mails.ts";
import { charge, paymentOf, recordPayment } from "./payments.ts";
import { redisOf } from "./redis.ts";
import { scheduled } from "./report.ts";

type Env = { Bindings: Bindings; Variables: LocksVariables & { redis: Redis } };

const app = new Hono<Env>();

// Created per request: that costs no I/O, and on Workers `c.env` exists only then.
app.use(locks((c) => upstash(c.env)));

app.use((c, next) => {
  c.set("redis", redisOf(c.env));
  return next();
});

/** RFC 9457, as the guards answer. */
function badRequest(c: Context<Env>, detail: string): Response {
  const problem = { type: "about:blank", title: "Bad Request", status: 400, detail };
  return c.json(problem, 400, { "content-type": "application/problem+json" });
}
// What a client sends becomes part of a key only if it can be one: a lock would refuse it with an error.
const ID = /^[\w:-]{1,100}$/;
app.use("/:kind/:id/*", async (c, next) => {
  if (!ID.test(c.req.param("id"))) return badRequest(c, "The path names what cannot exist.");
  return next();
});

// Does not wait: a concurrent second payment is a double click, and gets a 409. The TTL is for a
// Worker that crashes; a slow payment is no problem, because its lock is renewed.
app.post(
  "/orders/:id/pay",
  withLock({ key: (c) => `order:${c.req.param("id")}`, ttl: 10_000 }),
  async (c) => {
    const { redis, lock } = c.var;
    const id = c.req.param("id");
    const earlier = await paymentOf(redis, id);
    if (earlier !== null) return c.json({ status: "already paid", ...earlier });
    const payment = await charge(redis, id, lock.signal);
    const isRecorded = await recordPayment(redis, id, payment, lock.fence);
    return isRecorded
      ? c.json({ status: "paid", ...payment })
      : c.json({ status: "outdated" }, 409);
  },
);

/** The named id in the JSON that was sent; undefined without a possible one. */
async function idIn(c: Context<Env>, name: string): Promise<string | undefined> {
  const body = await c.req.json<Record<string, unknown> | null>().catch(() => null);
  const id = body?.[name];
  return typeof id === "string" && ID.test(id) ? id : undefined;
}

// A client that got no answer sends its Idempotency-Key again, and gets the response to its first
// request. Where users log in, the scope names the user: `scope: (c) => c.var.userId`.
app.post("/transfers", idempotency({ scope: "public" }), async (c) => {
  const account = await idIn(c, "account");
  if (account === undefined) return badRequest(c, "Name the account to transfer to.");
  return c.json({ account, transfers: await c.var.redis.incr(`transfers:${account}`) }, 201);
});

// Senders deliver an event until they get a 2xx, and sometimes again. Verify their signature first.
app.post("/webhooks/payments", async (c) => {
  const id = await idIn(c, "id");
  if (id === undefined) return badRequest(c, "Send an event with an id.");
  const work = (): Promise<number> => c.var.redis.incr(`webhooks:${id}`);
  const outcome = await c.var.locks.once(`webhook:${id}`, work);
  // Not a 2xx, so that it is delivered again: the work under way may still fail.
  if (outcome.status === "running") return c.json({ status: "running" }, 409);
  return c.json({ status: outcome.status, runs: outcome.result });
});

// Queued here, sent by the consumer of the queue.
app.post("/mails", async (c) => {
  const mails: unknown = await c.req.json().catch(() => null);
  if (!Array.isArray(mails) || !mails.every(isMail)) return badRequest(c, "Send a list of mails.");
  await c.env.MAILS.sendBatch(mails.map((body) => ({ body })));
  return c.json({ queued: mails.length }, 202);
});
app.get("/mails/:id", async (c) => {
  const [id, { redis }] = [c.req.param("id"), c.var];
  const [sent, dead] = [await redis.get(`mails:${id}`), await redis.get(`dead-mails:${id}`)];
  return c.json({ sent: Number(sent), dead: Number(dead) });
});
function isMail(mail: Mail | null): mail is Mail {
  return typeof mail?.id === "string" && ID.test(mail.id) && typeof mail.to === "string";
}

// Written by the cron trigger.
app.get("/reports/:day", async (c) =>
  c.json({ written: Number(await c.var.redis.get(`reports:${c.req.param("day")}`)) }),
);

/** Reads, then writes: two requests to Redis, and other clients' requests may come in between. */
async function takeOne(c: Context<Env>): Promise<Response> {
  const key = `stock:${c.req.param("sku")}`;
  const left = Number(await c.var.redis.get(key)) - 1;
  await c.var.redis.set(key, left);
  return c.json({ left });
}
// Waits, so that everyone gets a turn. Each retry is a subrequest, of which Cloudflare's free plan
// allows 50 per request; that bounds waitTimeout divided by the delay.
const oneAtATime = withLock({
  key: (c) => `stock:${c.req.param("sku")}`,
  ttl: 5_000,
  waitTimeout: 10_000,
  retry: { initialDelay: 50, maxDelay: 400 },
});
app.post("/stock/:sku/take", oneAtATime, takeOne);
app.post("/stock/:sku/take-unguarded", takeOne);
app.get("/stock/:sku", async (c) =>
  c.json({ left: Number(await c.var.redis.get(`stock:${c.req.param("sku")}`)) }),
);
app.put("/stock/:sku", async (c) => {
  const quantity = await c.req.text();
  if (!/^\d{1,9}$/.test(quantity)) return badRequest(c, "Send a whole number.");
  await c.var.redis.set(`stock:${c.req.param("sku")}`, Number(quantity));
  return c.body(null, 204);
});

// No guard, which would release the lock with the response: this lock is held until the work is done.
app.post("/jobs/:id", async (c) => {
  const id = c.req.param("id");
  const lock = await c.var.locks.tryAcquire(`job:${id}`, { ttl: 1_500 });
  if (lock === null) return c.json({ id, status: "running already" }, 409);
  c.executionCtx.waitUntil(runJob(c.var.redis, `job:${id}`, lock, c.var.locks));
  return c.json({ id, status: "started" }, 202);
});
app.get("/jobs/:id", async (c) => {
  const job = await c.var.redis.get<Record<string, unknown>>(`job:${c.req.param("id")}`);
  return job === null ? c.notFound() : c.json(job);
});

/** Works for several TTLs. The lock is renewed meanwhile, for as long as waitUntil lasts (30 s). */
async function runJob(redis: Redis, key: string, lock: Lock, service: LockService): Promise<void> {
  let renewals = 0;
  service.events.subscribe(({ type }) => (renewals += type === "renewed" ? 1 : 0));
  const report = (status: string): Promise<unknown> => {
    const heldMs = Date.now() - lock.acquiredAt.getTime();
    return redis.set(key, { status, heldMs, ttlMs: lock.ttl, renewals });
  };
  await using held = lock; // Released however this ends.
  for (let percent = 0; percent < 100; percent += 10) {
    await report(`${percent} % done`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    held.assertHeld(); // Throws when the lock is lost: another may be running this job by now.
  }
  await report("ended");
}

// For operators only: the response names the holder. The comparison is constant-time.
const isAdmin = async (token: string, { env }: Context<Env>): Promise<boolean> =>
  env.ADMIN_TOKEN ? timingSafeEqual(env.ADMIN_TOKEN, token) : false;
app.use("/locks/*", bearerAuth({ verifyToken: isAdmin }));
app.get("/locks/:key", async (c) => {
  const info = await c.var.locks.inspect(c.req.param("key"));
  return info === null ? c.json({ held: false }, 404) : c.json({ held: true, ...info });
});
app.delete("/locks/:key", async (c) => {
  const released = await c.var.locks.forceRelease(c.req.param("key"));
  return c.json({ released }, released ? 200 : 404);
});

export default { fetch: app.fetch, queue, scheduled };
