import { expect, it } from "vitest";
import { LockLostError, LockService, RedisDatabase } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { frontControl } from "./worker-under-test.ts";

/** A service that talks to the front with its own token. */
async function openService(): Promise<{ readonly locks: LockService; readonly token: string }> {
  const { url, token } = await frontControl().openSession();
  const redis = restRedis({ url, token });
  return { locks: new LockService({ database: new RedisDatabase(redis) }), token };
}

it("when renewals fail, the signal aborts by itself before Redis can grant the lock to another", async () => {
  const { locks, token } = await openService();
  await frontControl().addFault(token, { kind: "error-json", script: "renew" });
  const ttl = 2_000;
  const asked = Date.now();
  const { signal } = await locks.acquire(crypto.randomUUID(), { ttl });
  // Timers fire in order, however late: this one is due 20 ms before the key expires in Redis, and
  // 20 ms after the lock's validity ends.
  await new Promise((resolve) => setTimeout(resolve, asked + ttl - 20 - Date.now()));
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toBeInstanceOf(LockLostError);
  const { hits } = await frontControl().counters(token);
  expect(hits["error-json"], "renewals that failed").toBeGreaterThan(1);
});

it("when another request acquires the lock of one whose renewals fail, the latter knows it is lost", async () => {
  const [holder, competitor] = [await openService(), await openService()];
  await frontControl().addFault(holder.token, { kind: "error-json", script: "renew" });
  const key = crypto.randomUUID();
  const lock = await holder.locks.acquire(key, { ttl: 1_000 });
  const next = await competitor.locks.acquire(key, {
    waitTimeout: 10_000,
    retry: { maxDelay: 20 },
  });
  expect(lock.signal.aborted).toBe(true);
  expect(next.fence).toBeGreaterThan(lock.fence ?? Infinity);
  expect(() => lock.assertHeld()).toThrow(LockLostError);
  await next.release();
});
