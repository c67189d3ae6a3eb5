import { expect, it } from "vitest";
import { LockStatus, type LockData } from "../../src/index.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("acquire of a free key answers SUCCESS, the record as stored and a way to extend it", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { status, lockData, extend } = await take(locker);
  expect(status).toBe(LockStatus.SUCCESS);
  expect(lockData).toEqual(await scene.stored().record());
  expect(lockData.ownerHash).toBe(`a@${lockData.processHash}.0`);
  expect(lockData.processHash).toMatch(/^[^/@]+\/\d+\.\d+$/);
  expect(Date.parse(lockData.acquiredAt)).not.toBeNaN();
  expect(extend).toBeTypeOf("function");
  expect(await scene.stored().pttl()).toBeGreaterThan(290_000);
  expect(await scene.stored().procPttl()).toBeLessThanOrEqual(10_000);
  await locker.release("a", lockData);
});

it("acquire of a held key answers SOMEONE_ELSE_HOLDS_LOCK and the holder's record", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  const refused = await scene.locker().acquire("a");
  expect(refused).toEqual({ status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData });
  // Locks are not reentrant, not even within the same Locker.
  expect(await locker.acquire("a")).toEqual(refused);
  await locker.release("a", lockData);
});

it("two acquisitions of one Locker have separate liveness: one's end does not affect the other", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const one = await take(locker, "a");
  const two = await take(locker, "b");
  expect(one.lockData.processHash).not.toBe(two.lockData.processHash);
  await locker.release("a", one.lockData);
  expect(await locker.readLockData("b")).toEqual(two.lockData);
  await locker.release("b", two.lockData);
});

it("a trace is stored in the record and appended to the owner hash; an empty one is ignored", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const traced = await take(locker, "a", "job 17#x");
  expect(traced.lockData.trace).toBe("job 17#x");
  expect(traced.lockData.ownerHash).toBe(`a@${traced.lockData.processHash}.0#job 17#x`);
  expect(await locker.readLockData("a")).toMatchObject({ trace: "job 17#x" });
  const plain = await take(locker, "b", "");
  expect(plain.lockData).not.toHaveProperty("trace");
  expect(plain.lockData.ownerHash).toMatch(/\.0$/);
  await locker.release("a", traced.lockData);
  await locker.release("b", plain.lockData);
});

it("extend answers SUCCESS, and the lock and its liveness last as long as after acquire", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData, extend } = await take(locker);
  const proc = scene.procName(lockData.processHash);
  await scene.stored().expireIn(100_000);
  await scene.rest.command("PEXPIRE", proc, 5_000);
  const extended = await extend();
  expect(extended).toMatchObject({
    status: LockStatus.SUCCESS,
    lockData: { ...lockData, extendedAt: expect.any(String) },
  });
  expect(await scene.stored().record()).toEqual(extended.lockData);
  expect(await scene.stored().pttl()).toBeGreaterThan(290_000);
  expect(await scene.stored().procPttl()).toBeGreaterThan(5_000);
  await locker.release("a", lockData);
});

it("extend of a lock that is gone answers NO_KEY, and does not resurrect it", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData, extend } = await take(locker);
  await scene.stored().vanish();
  expect(await extend()).toEqual({ status: LockStatus.NO_KEY, lockData: null });
  expect(await scene.stored().record()).toBeNull();
  expect(await extend()).toEqual({ status: LockStatus.NO_KEY, lockData: null });
  await locker.release("a", lockData);
});

it("extend of a lock taken by another answers whose it is, and leaves it alone", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData, extend } = await take(locker);
  await scene.stored().steal();
  const thief: LockData | null = await scene.stored().record();
  expect(await extend()).toEqual({ status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: thief });
  expect(await scene.stored().record()).toEqual(thief);
  await locker.release("a", lockData);
  await scene.stored().vanish();
});

it("extend of a released lock answers NO_KEY", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData, extend } = await take(locker);
  await locker.release("a", lockData);
  expect(await extend()).toEqual({ status: LockStatus.NO_KEY, lockData: null });
  expect(await scene.stored().record()).toBeNull();
});

it("readLockData returns a live holder's record, and maybe_unlocked for a dead holder or none", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  expect(await locker.readLockData("a")).toBe("maybe_unlocked");
  const { lockData } = await take(locker);
  expect(await scene.locker().readLockData("a")).toEqual(lockData);
  await scene.stored().killHolder();
  expect(await locker.readLockData("a")).toBe("maybe_unlocked");
  await locker.release("a", lockData);
});

it("an unreadable record counts as held, and is never taken over", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  await scene.rest.command("SET", scene.stored().name, "not a record");
  const refused = await locker.acquire("a");
  expect(refused).toMatchObject({
    status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
    lockData: { ownerHash: "" },
  });
  expect(await locker.readLockData("a")).toMatchObject({ ownerHash: "" });
  expect(await scene.rest.command("GET", scene.stored().name)).toBe("not a record");
  await scene.stored().vanish();
});

it("waitUntil gets its promise before anything is sent, and it settles with the release", async () => {
  const scene = scenes.open();
  let settled = 0;
  const sentBefore: number[] = [];
  const pledges: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>): void => {
    sentBefore.push(scene.sent());
    pledges.push(promise.then(() => (settled += 1)));
  };
  const locker = scene.locker({ waitUntil });
  const { lockData } = await take(locker);
  expect(sentBefore).toEqual([0]);
  // A refusal leaves nothing to wait for.
  await scene.locker({ waitUntil }).acquire("a");
  await Promise.race(pledges);
  expect(settled).toBe(1);
  await locker.release("a", lockData);
  await Promise.all(pledges);
});
