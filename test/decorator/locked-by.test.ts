import { describe, expect, it } from "vitest";
import { LockAcquisitionError, LockConfigurationError } from "../../src/index.ts";
import { lockedBy } from "../../src/locked-by.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describe("lockedBy", () => {
  it("runs a function under the lock that its arguments determine, and returns its result", async () => {
    const locks = rests.open().locks();
    const pay = lockedBy(locks, { key: "order:{0}", ttl: 10_000 }, async (order: string) => {
      return `${order}: ${await locks.isLocked(`order:${order}`)}`;
    });
    expect(await pay("17")).toBe("17: true");
    expect(await locks.isLocked("order:17")).toBe(false);
  });

  it("accepts plain functions, methods with `this`, and key functions", async () => {
    const locks = rests.open().locks();
    const counter = {
      count: 0,
      add: lockedBy(
        locks,
        { key: (by: number) => [`add:${by}`, "count"] },
        function (this: { count: number }, by: number): number {
          return (this.count += by);
        },
      ),
    };
    expect(await Promise.all([counter.add(1), counter.add(1)])).toEqual([1, 2]);
  });

  it("rejects, skips or translates as configured, and never runs unlocked", async () => {
    const locks = rests.open().locks();
    let runs = 0;
    const work = (): number => (runs += 1);
    const options = { key: "a", retry: { maxRetries: 0 } };
    const other = await locks.acquire("a");
    await expect(lockedBy(locks, options, work)()).rejects.toThrow(LockAcquisitionError);
    expect(await lockedBy(locks, { ...options, onLockFailed: "skip" }, work)()).toBeUndefined();
    const busy = { ...options, onLockFailed: (key: string) => new RangeError(key) };
    await expect(lockedBy(locks, busy, work)()).rejects.toThrow(RangeError);
    await other.release();
    expect(runs).toBe(0);
  });

  it.each<[string, unknown[]]>([
    ["service", [undefined, { key: "a" }, () => 1]],
    ["options", [{ withLock: () => 1 }, undefined, () => 1]],
    ["key", [{ withLock: () => 1 }, { key: "{}" }, () => 1]],
    ["ttl", [{ withLock: () => 1 }, { key: "a", ttl: 1 }, () => 1]],
    ["work", [{ withLock: () => 1 }, { key: "a" }, "work"]],
  ])("checks %s at once", (option, args) => {
    const define = (): unknown => Reflect.apply(lockedBy, undefined, args);
    expect(define).toThrow(LockConfigurationError);
    expect(define).toThrow(expect.objectContaining({ option }));
  });
});
