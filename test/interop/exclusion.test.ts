import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { take } from "../locker/lockers.ts";
import { takeAsOriginal, useSharedRedis } from "./interop.ts";

const shared = useSharedRedis();

describe("a holder of distributed-locker", () => {
  it("is respected by a Locker, which answers with its record", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other, "a", "node");
    const locker = scene.locker();
    const refused = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: record };
    expect(await locker.acquire("a")).toEqual(refused);
    expect(await locker.acquireAndRun("a", async (_heartbeater) => 1)).toEqual(refused);
    expect(await locker.readLockData("a")).toEqual(record);
    expect(await other.isHeld("a", record)).toBe(true);
    await other.release("a", record);
  });

  it("is respected by tryAcquire and isLocked of the lock service", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    const locks = scene.rest.locks();
    expect(await locks.tryAcquire("a")).toBeNull();
    expect(await locks.isLocked("a")).toBe(true);
    expect(await locks.tryAcquire(["b", "a"])).toBeNull();
    expect(await locks.isLocked("b")).toBe(false);
    expect(await locks.inspect("a")).toMatchObject({ holder: record.ownerHash, alive: true });
    await other.release("a", record);
    expect(await locks.isLocked("a")).toBe(false);
    const lock = await locks.tryAcquire("a");
    await lock?.release();
    expect(lock).not.toBeNull();
  });

  it("stays the holder through its extensions and its own release", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    await scene.stored().expireIn(100_000);
    expect((await other.extend("a", record)).status).toBe("SUCCESS");
    expect(await scene.stored().pttl()).toBeGreaterThan(200_000);
    expect((await scene.locker().acquire("a")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    expect((await other.release("a", record)).status).toBe("SUCCESS");
    const locker = scene.locker();
    const { lockData } = await take(locker);
    await locker.release("a", lockData);
  });
});

describe("a holder of ours is respected by distributed-locker", () => {
  it("when it holds through a Locker", async () => {
    const { scene, original } = shared.open();
    const locker = scene.locker();
    const { lockData } = await take(locker, "a", "edge");
    const other = original();
    expect(await other.acquire("a")).toEqual({ status: "SOMEONE_ELSE_HOLDS_LOCK", lockData });
    expect(await other.readLockData("a")).toEqual(lockData);
    expect(await scene.stored().record()).toEqual(lockData);
    await locker.release("a", lockData);
    expect(await other.readLockData("a")).toBe("maybe_unlocked");
    await other.release("a", await takeAsOriginal(other));
  });

  it("when it holds through the lock service, one key or several", async () => {
    const { scene, original } = shared.open();
    const lock = await scene.rest.locks().acquire(["a", "b"], { trace: "edge" });
    const other = original();
    for (const key of ["a", "b"]) {
      expect(await other.acquire(key)).toMatchObject({
        status: "SOMEONE_ELSE_HOLDS_LOCK",
        lockData: { trace: "edge", fence: lock.fence },
      });
    }
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    await other.release("b", await takeAsOriginal(other, "b"));
  });

  it("while it is extended by us", async () => {
    const { scene, original } = shared.open();
    const locker = scene.locker();
    const { lockData, extend } = await take(locker);
    expect((await extend()).status).toBe("SUCCESS");
    expect((await original().acquire("a")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    await locker.release("a", lockData);
  });
});

it("contenders of both, on one key: never two in the critical section, and all finish", async () => {
  const { scene, original } = shared.open();
  const inside = { now: 0, most: 0 };
  let done = 0;
  const work = async (): Promise<void> => {
    inside.now += 1;
    inside.most = Math.max(inside.most, inside.now);
    await sleep(3);
    inside.now -= 1;
    done += 1;
  };
  const pause = (): Promise<void> => sleep(5 + Math.random() * 20);
  const asOriginal = async (): Promise<void> => {
    const process = original();
    for (;;) {
      const { status, lockData } = await process.acquire("a");
      if (status === "SUCCESS" && lockData !== null) {
        await work();
        expect((await process.release("a", lockData)).status).toBe("SUCCESS");
        return;
      }
      await pause();
    }
  };
  const asOurs = (): Promise<void> => {
    return scene.locker().mutex("a", 60_000, async (_heartbeater) => work(), pause);
  };
  const five = [1, 2, 3, 4, 5];
  await Promise.all([...five.map(asOriginal), ...five.map(asOurs)]);
  expect(done).toBe(10);
  expect(inside.most).toBe(1);
  expect(scene.errors).toEqual([]);
});
