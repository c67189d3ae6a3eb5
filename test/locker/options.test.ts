import { describe, expect, it } from "vitest";
import { LockConfigurationError, Locker, type LockerOptions } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();
const database = new MemoryDatabase({ runtime: new ManualRuntime() });

describe("options of a Locker", () => {
  it("have the defaults of distributed-locker", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const locker = scene.locker({ runtime: clock });
    const { lockData } = await take(locker);
    // A lock that can outlive its holder has no livenessMs: others may suspect it until it expires.
    expect(lockData.livenessMs).toBeUndefined();
    expect(clock.sleeping).toEqual([2_000, 9_800]);
    expect(await scene.stored().pttl()).toBeGreaterThan(290_000);
    await locker.release("a", lockData);
  });

  it.each<[string, unknown, Partial<Record<keyof LockerOptions, unknown>>]>([
    ["reportWriteMs", 199, {}],
    ["reportWriteMs", 200.5, {}],
    ["reportWriteMs", Number.NaN, {}],
    ["reportWriteMs", "2000", {}],
    ["reportTtlMs", 3_999, {}],
    ["reportTtlMs", 2 ** 31, {}],
    ["lockRecheckMs", 0, {}],
    ["lockExtendMs", -1, {}],
    ["lockTtlMs", 3_999, {}],
    ["lockTtlMs", 2 ** 31, {}],
  ])("%s: %o is an error that names both", (option, value, others) => {
    const make = (): Locker =>
      new Locker({ database, ...others, [option]: value } as unknown as LockerOptions);
    expect(make).toThrow(LockConfigurationError);
    expect(make).toThrow(expect.objectContaining({ option }));
    expect(make).toThrow(typeof value === "string" ? JSON.stringify(value) : String(value));
  });

  it.each([undefined, null, 17, {}, "redis"])("database: %o is an error", (wrong) => {
    const make = (): Locker => new Locker({ database: wrong } as unknown as LockerOptions);
    expect(make).toThrow(expect.objectContaining({ option: "database" }));
  });

  it("waitUntil must be a function, and one that throws is an error before anything is sent", async () => {
    const make = (): Locker => new Locker({ database, waitUntil: 1 } as unknown as LockerOptions);
    expect(make).toThrow(expect.objectContaining({ option: "waitUntil" }));
    const scene = scenes.open();
    const waitUntil = (): never => {
      throw new TypeError("Illegal invocation");
    };
    const acquiring = scene.locker({ waitUntil }).acquire("a");
    await expect(acquiring).rejects.toMatchObject({ option: "waitUntil" });
    expect(scene.sent()).toBe(0);
  });

  it.each<[string, string, string | undefined]>([
    ["key", "", undefined],
    ["key", "a\0b", undefined],
    ["key", "k".repeat(1_001), undefined],
    ["trace", "a", "t".repeat(257)],
  ])("a bad %s is an error before anything is sent", async (option, key, trace) => {
    const scene = scenes.open();
    const locker = scene.locker();
    await expect(locker.acquire(key, trace)).rejects.toMatchObject({ option });
    const run = locker.acquireAndRun(key, async (_heartbeater) => 1, trace);
    await expect(run).rejects.toMatchObject({ option });
    expect(scene.sent()).toBe(0);
  });

  it("are read once: later changes by the caller have no effect", async () => {
    const scene = scenes.open();
    const options = { database: scene.database(), runtime: new ManualRuntime(), lockTtlMs: 70_000 };
    const frozen = Object.freeze({ ...options });
    const locker = new Locker(options);
    options.lockTtlMs = 1_000_000;
    const { lockData } = await take(locker);
    expect(await scene.stored().pttl()).toBeLessThanOrEqual(70_000);
    await locker.release("a", lockData);
    expect(() => new Locker(frozen)).not.toThrow();
  });
});
