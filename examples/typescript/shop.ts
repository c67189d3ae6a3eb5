import { Hono } from "hono";
import { LockAcquisitionError, LockService, WithLock, type Lock, type LockInfo } from "leasehold";
import { locks, withLock } from "leasehold/hono";
import { ManualRuntime, MemoryDatabase } from "leasehold/testing";
import { upstash } from "leasehold/upstash";

const runtime = new ManualRuntime();
export const test = new LockService({ database: new MemoryDatabase({ runtime }), runtime });

export const app = new Hono();
app.use(locks((c) => upstash(c.env)));
app.post("/orders/:id/pay", withLock({ key: (c) => `pay:${c.req.param("id")}` }), async (c) => {
  const lock: Lock = c.var.lock;
  const info: LockInfo | null = await c.var.locks.inspect(lock.key);
  return c.json({ fence: lock.fence, holder: info?.holder ?? null });
});

export class Shop {
  readonly locks = new LockService({ database: upstash() });

  @WithLock({ key: "ship:{0}", ttl: 10_000 })
  async ship(orderId: string): Promise<string> {
    return orderId;
  }

  async pay(orderId: string): Promise<number | undefined> {
    try {
      return await this.locks.withLock(`pay:${orderId}`, (lock) => lock.fence);
    } catch (error) {
      if (error instanceof LockAcquisitionError && error.reason === "held") return undefined;
      throw error;
    }
  }
}
