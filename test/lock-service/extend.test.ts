import { expect, it } from "vitest";
import { LockExtensionError, LockLostError } from "../../src/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

it("extend guarantees at least the requested ttl, in Redis and on the lock", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const stored = new StoredLock(rest, "a");
  const lock = await rest.locks({ runtime: clock }).acquire("a", { ttl: 5_000, autoRenew: false });
  await clock.advance(4_000);
  await lock.extend(100_000);
  expect(await stored.pttl()).toBeGreaterThan(90_000);
  expect(await stored.procPttl()).toBeGreaterThan(90_000);
  expect(lock.ttl).toBe(100_000);
  expect(lock.expiresAt.getTime()).toBe(clock.wall + 100_000);
  await clock.advance(97_999);
  lock.assertHeld();
  await clock.advance(1);
  expect(() => lock.assertHeld()).toThrow(LockLostError);
  await lock.release();
});

it("extend by less than is left shortens nothing", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const lock = await rest.locks().acquire("a", { ttl: 120_000, autoRenew: false });
  const expiry = lock.expiresAt.getTime();
  await lock.extend(1_000);
  expect(await stored.pttl()).toBeGreaterThan(60_000);
  expect(await stored.procPttl()).toBeGreaterThan(60_000);
  // A machine's two clocks may differ by a millisecond.
  expect(lock.expiresAt.getTime()).toBeGreaterThan(expiry - 1_000);
  expect(await lock.isHeld()).toBe(true);
  await lock.release();
});

it("extend keeps token and fence", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  const lock = await rest.locks().acquire("a", { trace: "t" });
  await lock.extend(60_000);
  const { token: ownerHash, fence, trace } = lock;
  expect(await stored.record()).toMatchObject({ ownerHash, fence, trace });
  await lock.release();
});

it.each<[string, (stored: StoredLock) => Promise<void>]>([
  ["has vanished", (stored) => stored.vanish()],
  ["another has taken", (stored) => stored.steal()],
  ["has lost its process record", (stored) => stored.killHolder()],
])(
  "extend of a lock that %s fails, does not resurrect it, and reports the loss",
  async (_, interfere) => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const lock = await rest.locks().acquire("a");
    await interfere(stored);
    const found = await stored.record();
    const error: unknown = await lock.extend(60_000).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockExtensionError);
    expect(error).toMatchObject({ token: lock.token, lockKey: "a" });
    expect((error as LockExtensionError).cause).toBeInstanceOf(LockLostError);
    expect(lock.signal.aborted).toBe(true);
    expect(await stored.record()).toEqual(found);
    const { requests } = rest.session.counters;
    await expect(lock.extend(60_000)).rejects.toThrow(LockExtensionError);
    expect(rest.session.counters.requests).toBe(requests);
    await lock[Symbol.asyncDispose]();
    await stored.vanish();
  },
);

it("extend of a released lock fails and sends nothing", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  await lock.release();
  const { requests } = rest.session.counters;
  await expect(lock.extend(60_000)).rejects.toThrow("released");
  expect(rest.session.counters.requests).toBe(requests);
});

it("extend succeeds although its first answer was lost", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a", { ttl: 5_000 });
  rest.session.faults.add({ kind: "drop-response", script: "renew", times: 1 });
  await lock.extend(60_000);
  expect(lock.ttl).toBe(60_000);
  await lock.release();
});

it("extend without an answer fails after two sends, and the lock keeps what it had", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a", { ttl: 30_000, autoRenew: false });
  const heal = rest.session.faults.add({ kind: "drop-request", script: "renew" });
  const error: unknown = await lock.extend(60_000).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockExtensionError);
  expect(error).toMatchObject({ cause: { code: "LOCK_DATABASE", applied: "unknown" } });
  expect(rest.session.counters.byScript["renew"]).toBe(2);
  expect(lock.ttl).toBe(30_000);
  lock.assertHeld();
  heal();
  await lock.extend(60_000);
  await lock.release();
});

it("a release does not wait for a concurrent extend: the extend fails", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  const [extended, released] = await Promise.allSettled([lock.extend(60_000), lock.release()]);
  expect(released.status).toBe("fulfilled");
  expect(extended).toMatchObject({ status: "rejected", reason: { code: "LOCK_EXTENSION" } });
  expect(await rest.locks().isLocked("a")).toBe(false);
});
