import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LockLostError, type Heartbeater } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { QUIET, take } from "../locker/lockers.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { takeAsOriginal, useSharedRedis } from "./interop.ts";

const shared = useSharedRedis();

describe("a dead holder of distributed-locker", () => {
  it("loses its lock to a Locker at once, and notices when it comes back", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    await other.die();
    const locker = scene.locker();
    expect(await locker.readLockData("a")).toBe("maybe_unlocked");
    const { lockData } = await take(locker);
    expect(await other.isHeld("a", record)).toBe(false);
    expect(await other.extend("a", record)).toEqual({
      status: "SOMEONE_ELSE_HOLDS_LOCK",
      lockData,
    });
    expect(await other.release("a", record)).toEqual({
      status: "SOMEONE_ELSE_HOLDS_LOCK",
      lockData,
    });
    expect(await locker.readLockData("a")).toEqual(lockData);
    await locker.release("a", lockData);
  });

  it("loses its lock to the lock service at once, even as one of several keys", async () => {
    const { scene, original } = shared.open();
    const other = original();
    await takeAsOriginal(other, "b");
    await other.die();
    const locks = scene.rest.locks();
    expect(await locks.isLocked("b")).toBe(false);
    const lock = await locks.acquire(["a", "b", "c"]);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("is dead once its reports have stopped and its liveness has expired, not before", async () => {
    const { scene, original } = shared.open();
    const other = original({ reportWriteMs: 20 });
    const { processHash } = await takeAsOriginal(other);
    const proc = scene.procName(processHash);
    await scene.rest.command("PEXPIRE", proc, 5_000);
    const left = async (): Promise<number> => Number(await scene.rest.command("PTTL", proc));
    await eventually("it has reported again", async () => (await left()) > 5_000);
    await other.stop();
    const locker = scene.locker();
    expect((await locker.acquire("a")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    await scene.rest.command("PEXPIRE", proc, 1);
    const work = async (_heartbeater: Heartbeater): Promise<string> => "in";
    expect(await locker.mutex("a", 5_000, work, () => sleep(10))).toBe("in");
  });
});

describe("a dead holder of ours loses its lock to distributed-locker", () => {
  it("through a Locker: its next report notices, and its heartbeats stop it", async () => {
    const { scene, original } = shared.open();
    const clock = new ManualRuntime();
    const other = original();
    const run = scene
      .locker({ ...QUIET, runtime: clock })
      .acquireAndRun("a", async (heartbeater) => {
        await scene.stored().killHolder();
        const record = await takeAsOriginal(other);
        await clock.advance(5_001);
        await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
        expect(await other.isHeld("a", record)).toBe(true);
        return record;
      });
    const lost: unknown = await run.catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(LockLostError);
    expect(scene.errorTypes()).toContain("lost_lock");
    // Nor did the end of the run release it.
    const record = await other.readLockData("a");
    expect(record).toMatchObject({ processHash: other.processHash });
    if (typeof record === "object") await other.release("a", record);
  });

  it("through a Locker: a report alone notices, too", async () => {
    const { scene, original } = shared.open();
    const clock = new ManualRuntime();
    const locker = scene.locker({ runtime: clock });
    const { lockData, extend } = await take(locker);
    await scene.stored().killHolder();
    const other = original();
    const record = await takeAsOriginal(other);
    await clock.advance(2_000);
    await eventually("the loss is noticed", () => scene.errors.length > 0);
    expect(scene.errorTypes()).toEqual(["lost_lock"]);
    expect(await extend()).toEqual({ status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: record });
    expect(await locker.release("a", lockData)).toMatchObject({
      status: "SOMEONE_ELSE_HOLDS_LOCK",
    });
    expect(await other.release("a", record)).toMatchObject({ status: "SUCCESS" });
  });

  it("through the lock service: the next renewal aborts the lock's signal", async () => {
    const { scene, original } = shared.open();
    const clock = new ManualRuntime();
    const lock = await scene.rest.locks({ runtime: clock }).acquire("a");
    const { signal } = lock;
    await scene.stored().killHolder();
    const other = original();
    const record = await takeAsOriginal(other);
    await clock.advance(10_000);
    await eventually("the loss is noticed", () => signal.aborted);
    expect(await lock.isHeld()).toBe(false);
    await lock[Symbol.asyncDispose]();
    expect(await other.isHeld("a", record)).toBe(true);
    await other.release("a", record);
  });

  it("a lock that it took over and released is free for us, under a higher fence", async () => {
    const { scene, original } = shared.open();
    const locker = scene.locker();
    const first = await take(locker);
    await scene.stored().killHolder();
    const other = original();
    await other.release("a", await takeAsOriginal(other));
    const second = await take(locker);
    expect(second.lockData.fence).toBeGreaterThan(first.lockData.fence ?? Infinity);
    expect(await locker.release("a", first.lockData)).not.toMatchObject({ status: "SUCCESS" });
    expect(await locker.release("a", second.lockData)).toMatchObject({ status: "SUCCESS" });
  });
});
