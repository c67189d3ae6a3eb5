import { Hono } from "hono";
import { locks, withLock } from "leasehold/hono";
import { upstash } from "leasehold/upstash";

const app = new Hono();
app.use(locks((c) => upstash(c.env)));

app.post(
  "/orders/:id/ship",
  withLock({ key: (c) => `ship:${c.req.param("id")}`, waitTimeout: 10_000 }),
  (c) => c.json({ shipped: c.req.param("id") }),
);

export default app;
