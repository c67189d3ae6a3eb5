import { describe, expect, it } from "vitest";
import { DatabaseError, LockLostError, LockNotOwnedError } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { StoredLock, fenceCounter } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describe("a held lock", () => {
  it("exposes what was requested and what Redis stores", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const before = Date.now();
    const lock = await rest.locks().acquire("a", { ttl: 20_000, trace: "job 7" });
    const record = await stored.record();
    expect(lock).toMatchObject({ key: "a", keys: ["a"], ttl: 20_000, trace: "job 7" });
    expect(record).toMatchObject({ ownerHash: lock.token, fence: lock.fence, livenessMs: 20_000 });
    expect(lock.fence).toBe(await fenceCounter(rest));
    expect(lock.acquiredAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(lock.isAutoRenewing).toBe(true);
    expect(lock.signal.aborted).toBe(false);
    expect(await lock.isHeld()).toBe(true);
    lock.assertHeld();
    await lock.release();
  });

  it("never reports an expiry later than that in Redis", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const lock = await rest.locks().acquire("a", { ttl: 20_000, autoRenew: false });
    const told = lock.expiresAt.getTime();
    const leftMs = await stored.pttl();
    expect(told).toBeLessThanOrEqual(Date.now() + leftMs + 1);
    await lock.release();
  });

  it("draws a higher fence with every acquisition", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const fences: number[] = [];
    for (const key of ["a", "b", "a"]) {
      fences.push(await locks.withLock(key, ({ fence = 0 }) => fence));
    }
    expect(fences).toEqual(fences.toSorted((one, other) => one - other));
    expect(new Set(fences).size).toBe(3);
  });

  it("is not held once it is released: every check says so, without I/O", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire("a");
    await lock.release();
    const { requests } = rest.session.counters;
    expect(await lock.isHeld()).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockNotOwnedError);
    expect(lock.isAutoRenewing).toBe(false);
    lock.stopAutoRenew();
    // Released, not lost: a listener must not abort the work that comes after.
    expect(lock.signal.aborted).toBe(false);
    expect(rest.session.counters.requests).toBe(requests);
  });

  it("is released by `await using`, also when the block throws", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const work = async (): Promise<never> => {
      await using lock = await locks.acquire("a");
      lock.assertHeld();
      throw new Error("from the work");
    };
    await expect(work()).rejects.toThrow("from the work");
    expect(await locks.isLocked("a")).toBe(false);
  });
});

describe("isHeld", () => {
  it.each<[string, (stored: StoredLock) => Promise<void>]>([
    ["has vanished", (stored) => stored.vanish()],
    ["another has taken", (stored) => stored.steal()],
    ["has lost its process record", (stored) => stored.killHolder()],
    ["has another fence", (stored) => stored.refence(1)],
  ])("finds that a lock %s, and from then on the lock is lost for good", async (_, interfere) => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const lock = await rest.locks().acquire("a");
    await interfere(stored);
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(lock.signal.reason).toBeInstanceOf(LockLostError);
    expect(lock.isAutoRenewing).toBe(false);
    const { requests } = rest.session.counters;
    expect(await lock.isHeld()).toBe(false);
    expect(rest.session.counters.requests).toBe(requests);
    await lock[Symbol.asyncDispose]();
    await stored.vanish();
  });

  it("does not lengthen the lock", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const lock = await rest.locks().acquire("a", { ttl: 30_000, autoRenew: false });
    await stored.expireIn(10_000);
    const record = await stored.record();
    expect(await lock.isHeld()).toBe(true);
    expect(await stored.pttl()).toBeLessThanOrEqual(10_000);
    expect(await stored.record()).toEqual(record);
    await lock.release();
  });

  it("throws rather than guesses when there is no answer", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire("a");
    const heal = rest.session.faults.add({ kind: "drop-request", script: "renew" });
    await expect(lock.isHeld()).rejects.toThrow(DatabaseError);
    lock.assertHeld();
    heal();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("asks again when the first answer was lost", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire("a");
    rest.session.faults.add({ kind: "drop-response", script: "renew", times: 1 });
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });
});

describe("assertHeld and the signal", () => {
  it("notice by the clock that the lock has expired, before any timer fires", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const lock = await rest.locks({ runtime: clock }).acquire("a", { ttl: 30_000 });
    clock.wall += 29_399;
    lock.assertHeld();
    clock.wall += 1;
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(lock.signal.aborted).toBe(true);
    expect(lock.isAutoRenewing).toBe(false);
    // In Redis the lock has not expired: it would still have kept everyone else out.
    expect(await new StoredLock(rest, "a").pttl()).toBeGreaterThan(0);
    await lock.release();
  });

  it("are not fooled by a wall clock that is set back", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const lock = await rest.locks({ runtime: clock }).acquire("a", { ttl: 30_000 });
    clock.wall -= 3_600_000;
    clock.monotonic += 29_400;
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    await lock.release();
  });

  it("stay aborted when the answer of an earlier renewal finally arrives: loss is final", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const { opened, open } = gate();
    const { session } = rest;
    const lock = await rest.locks({ runtime: clock }).acquire("a", { ttl: 30_000 });
    session.faults.add({ kind: "delay-response", script: "renew", times: 1, until: opened });
    session.faults.add({ kind: "drop-request", script: "renew" });
    await clock.advance(10_000);
    await eventually("the renewal was sent", () => session.counters.byScript["renew"] === 1);
    clock.wall += 19_400;
    expect(lock.signal.aborted).toBe(true);
    open();
    await eventually("the renewal is answered", () => rest.pendingSleeps() === 0);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(await lock.isHeld()).toBe(false);
    await lock.release();
  });
});

describe("stopAutoRenew", () => {
  it("lets the lock expire with its TTL", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const lock = await rest.locks({ runtime: clock }).acquire("a", { ttl: 30_000 });
    const expiry = lock.expiresAt;
    lock.stopAutoRenew();
    lock.stopAutoRenew();
    expect(lock.isAutoRenewing).toBe(false);
    lock.assertHeld();
    await clock.advance(29_399);
    lock.assertHeld();
    expect(lock.expiresAt).toEqual(expiry);
    expect(rest.session.counters.byScript["renew"]).toBeUndefined();
    await clock.advance(1);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    await lock.release();
  });
});
