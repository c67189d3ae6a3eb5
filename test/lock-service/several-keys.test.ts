import { describe, expect, it } from "vitest";
import { LockLostError, type LockAcquisitionError } from "../../src/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describe("a lock of several keys", () => {
  it("is acquired in one request, under one fence, in the order given", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire(["b", "a", "c"], { ttl: 20_000 });
    expect(lock).toMatchObject({ key: "b", keys: ["b", "a", "c"] });
    for (const key of lock.keys) {
      const stored = new StoredLock(rest, key);
      expect(await stored.record()).toMatchObject({ fence: lock.fence, livenessMs: 20_000 });
    }
    expect(rest.session.counters.requests).toBe(1);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    for (const key of lock.keys) expect(await rest.locks().isLocked(key)).toBe(false);
  });

  it("is refused when one key is held: none of the keys stays locked, and the error names that key", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await using held = await locks.acquire("b");
    const error: unknown = await locks
      .acquire(["a", "b", "c"], { retry: { maxRetries: 0 } })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ reason: "held", lockKey: "b", holder: held.token });
    expect((error as LockAcquisitionError).message).toContain('"b"');
    expect([await locks.isLocked("a"), await locks.isLocked("c")]).toEqual([false, false]);
  });

  it("is lost as a whole when one of its keys is", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire(["a", "b"]);
    await new StoredLock(rest, "b").steal();
    expect(await lock.isHeld()).toBe(false);
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    expect(await new StoredLock(rest, "a").record()).toBeNull();
    expect(await new StoredLock(rest, "b").record()).not.toBeNull();
    await new StoredLock(rest, "b").vanish();
  });

  it("is extended as a whole", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire(["a", "b"], { ttl: 5_000 });
    await lock.extend(60_000);
    for (const key of ["a", "b"]) {
      expect(await new StoredLock(rest, key).pttl()).toBeGreaterThan(50_000);
    }
    await lock.release();
  });
});

describe("callers of the same keys in different orders", () => {
  it("never deadlock: all of them finish", async () => {
    const rest = rests.open();
    const retry = { initialDelay: 5, maxDelay: 20 };
    const locks = rest.locks({ retry });
    let inside = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      expect(inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    const orders = [
      ["a", "b"],
      ["b", "a"],
      ["a", "b", "c"],
      ["c", "a", "b"],
    ];
    await Promise.all(orders.map((keys) => locks.withLock(keys, work, { waitTimeout: 20_000 })));
    expect(inside).toBe(0);
  });

  it("do not disturb a caller of other keys", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await using one = await locks.acquire(["a", "b"]);
    await using other = await locks.acquire(["c", "d"]);
    expect([await one.isHeld(), await other.isHeld()]).toEqual([true, true]);
  });
});
