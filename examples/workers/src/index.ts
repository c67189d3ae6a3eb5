import { Hono } from "hono";
import { LockService } from "leasehold";
import { locks, withLock } from "leasehold/hono";
import { upstash } from "leasehold/upstash";
import snippet from "../app";

const app = new Hono<{ Bindings: Env }>();
app.use(locks((c) => upstash(c.env)));

app.post("/orders/:id/pay", withLock({ key: (c) => `order:${c.req.param("id")}` }), async (c) => {
  c.var.lock.assertHeld();
  return c.json({ fence: c.var.lock.fence });
});

const oneAfterTheOther = withLock({ key: (c) => `ship:${c.req.param("id")}`, waitTimeout: 10_000 });
app.post("/orders/:id/ship", oneAfterTheOther, (c) => c.json({ fence: c.var.lock.fence }));

app.route("/snippet", snippet);

/** Works after the handler has returned, under a lock that lasts as long. */
async function scheduled(_: ScheduledController, env: Env, ctx: ExecutionContext): Promise<void> {
  const service = new LockService({ database: upstash(env) });
  const lock = await service.forRequest(ctx).tryAcquire("nightly", { ttl: 10_000 });
  if (lock === null) return console.log("nightly: skipped");
  const work = async () => {
    await scheduler.wait(1_000);
    lock.assertHeld();
    console.log("nightly: works");
    await lock.release();
  };
  ctx.waitUntil(work());
}

export default { fetch: app.fetch, scheduled } satisfies ExportedHandler<Env>;
