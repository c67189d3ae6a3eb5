import { expect, it } from "vitest";
import { LockService, type LockEvent } from "../../src/index.ts";
import { ManualRuntime, MemoryDatabase, MemoryStore } from "../../src/testing/index.ts";

function scene(): { runtime: ManualRuntime; database: MemoryDatabase; locks: LockService } {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  return { runtime, database, locks: new LockService({ database, runtime }) };
}

it("a lock service on it acquires, renews and releases in simulated time", async () => {
  const { runtime, database, locks } = scene();
  const renewals: LockEvent[] = [];
  locks.events.subscribe((event) => {
    if (event.type === "renewed") renewals.push(event);
  });
  const done = locks.withLock("key", () => runtime.sleep(60_000), { ttl: 3_000 });
  await runtime.advance(59_000);
  expect(await locks.isLocked("key")).toBe(true);
  expect(renewals.length).toBeGreaterThan(50);
  await runtime.advance(1_000);
  await done;
  expect(await locks.isLocked("key")).toBe(false);
  expect(runtime.pendingSleeps).toEqual([]);
  expect(database.store.names()).toEqual(["fence", expect.stringMatching(/^gone:key@/)]);
});

it("databases on one store act as separate processes", async () => {
  const { runtime, database, locks } = scene();
  const others = new LockService({
    database: new MemoryDatabase({ store: database.store }),
    runtime,
  });
  const lock = await locks.acquire("key", { ttl: 5_000, autoRenew: false });
  expect(await others.tryAcquire("key")).toBeNull();
  await runtime.advance(5_001);
  expect(lock.signal.aborted).toBe(true);
  const next = await others.acquire("key", { autoRenew: false });
  expect(next.fence).toBeGreaterThan(lock.fence ?? Infinity);
  await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
  await next.release();
});

it("the store's clock decides expiry, whatever clock a process has", async () => {
  const { runtime, database, locks } = scene();
  const apart = new ManualRuntime({ wall: Date.UTC(2001, 0, 1) });
  const other = new MemoryDatabase({ store: database.store, runtime: apart });
  await locks.acquire("key", { ttl: 5_000, autoRenew: false });
  await apart.advance(60_000);
  expect(await other.inspect("key")).toMatchObject({ remainingMs: 5_000 });
  await runtime.advance(5_000);
  expect(await other.inspect("key")).toBeNull();
});

it("a tombstone expires with its grace period", async () => {
  const { runtime, database } = scene();
  const strict = new MemoryDatabase({ store: database.store, gracePeriod: 10_000 });
  const locks = new LockService({ database: strict, runtime });
  await (await locks.acquire("key")).release();
  expect(database.store.names()).toHaveLength(2);
  await runtime.advance(10_000);
  expect(database.store.names()).toEqual(["fence"]);
});

it("R6 an absurdly late clock still leaves room to count", async () => {
  const runtime = new ManualRuntime({ wall: 8.6e15 });
  const locks = new LockService({ database: new MemoryDatabase({ runtime }), runtime });
  const lock = await locks.acquire("key", { autoRenew: false });
  expect(lock.fence).toBe(2 ** 52 + 1);
});

it("R6 a store that lost everything continues above the fences this process has seen", async () => {
  const { runtime, database, locks } = scene();
  const first = await locks.acquire("key", { autoRenew: false });
  database.store.clear();
  runtime.jump({ wall: -Date.UTC(2029, 0, 1) });
  const second = await locks.acquire("key", { autoRenew: false });
  expect(second.fence).toBe((first.fence ?? 0) + 1);
});

it("a store lets a test inspect and change its contents", async () => {
  const runtime = new ManualRuntime();
  const store = new MemoryStore(runtime);
  store.set("a", "text", 100);
  store.set("b", "text", null);
  store.lengthen("b", 100);
  expect([store.remainingMs("a"), store.remainingMs("b")]).toEqual([100, null]);
  store.replace("a", "other");
  store.replace("c", "nothing");
  expect([store.get("a"), store.has("c")]).toEqual(["other", false]);
  await runtime.advance(100);
  expect([store.get("a"), store.remainingMs("a"), store.names()]).toEqual([
    undefined,
    undefined,
    ["b"],
  ]);
  expect([store.delete("a"), store.delete("b")]).toEqual([false, true]);
});

it("a full store definitely refuses an acquire, and ends no lease", async () => {
  const { runtime, database, locks } = scene();
  const lock = await locks.acquire("a", { ttl: 3_000 });
  database.store.isFull = true;
  await expect(locks.acquire("b")).rejects.toMatchObject({
    reason: "error",
    cause: { applied: "no" },
  });
  await runtime.advance(60_000);
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
  expect(await locks.isLocked("a")).toBe(false);
});

it("wrong options are refused by name", async () => {
  expect(() => new MemoryDatabase({ gracePeriod: 0 })).toThrow(/^gracePeriod: /);
  const request = { claims: [], ttlMs: 100, livenessMs: 100, suspects: [] };
  const database = new MemoryDatabase();
  await expect(database.acquire(request)).rejects.toThrow(/^claims: /);
  await expect(database.release({ claims: [], fence: 1 })).rejects.toThrow(/^claims: /);
  await database.terminate();
});
