import { expect, it } from "vitest";
import { LockReleaseUnknownError, LockStatus } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { QUIET, take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("release answers SUCCESS, and the lock and its liveness are gone", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  expect(await locker.release("a", lockData)).toEqual({
    status: LockStatus.SUCCESS,
    lockData: null,
  });
  expect(await scene.stored().record()).toBeNull();
  expect(await scene.exists(scene.procName(lockData.processHash))).toBe(false);
});

it("releasing twice concurrently succeeds twice with one request; later it is NO_KEY", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  const both = await Promise.all([locker.release("a", lockData), locker.release("a", lockData)]);
  expect(both.map(({ status }) => status)).toEqual([LockStatus.SUCCESS, LockStatus.SUCCESS]);
  expect(scene.sent("release")).toBe(1);
  expect(await locker.release("a", lockData)).toEqual({
    status: LockStatus.NO_KEY,
    lockData: null,
  });
  expect(scene.errors).toEqual([]);
});

it("release of a lock that is gone answers NO_KEY", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  await scene.stored().vanish();
  expect(await locker.release("a", lockData)).toEqual({
    status: LockStatus.NO_KEY,
    lockData: null,
  });
});

it("a stale owner cannot release its successor's lock, and is told whose it is", async () => {
  const scene = scenes.open();
  const [stale, successor] = [scene.locker(), scene.locker()];
  const { lockData } = await take(stale);
  await scene.stored().killHolder();
  const next = await take(successor);
  const answer = { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: next.lockData };
  expect(await stale.release("a", lockData)).toEqual(answer);
  // The same through another instance.
  expect(await successor.release("a", lockData)).toEqual(answer);
  expect(await successor.readLockData("a")).toEqual(next.lockData);
  await successor.release("a", next.lockData);
});

it("a lock of another instance is released by its record, without touching its liveness", async () => {
  const scene = scenes.open();
  const holder = scene.locker(QUIET);
  const { lockData, extend } = await take(holder);
  const proc = scene.procName(lockData.processHash);
  await scene.rest.command("PEXPIRE", proc, 50_000);
  expect(await scene.locker().release("a", lockData)).toEqual({
    status: LockStatus.SUCCESS,
    lockData: null,
  });
  expect(await scene.stored().record()).toBeNull();
  const left = Number(await scene.rest.command("PTTL", proc));
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(50_000);
  // Its holder finds out with its next request.
  expect(await extend()).toEqual({ status: LockStatus.NO_KEY, lockData: null });
  expect(scene.errorTypes()).toEqual(["lost_lock"]);
  await scene.del(proc);
});

it("a record given with another key releases nothing", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker, "a");
  expect(await locker.release("b", lockData)).toEqual({
    status: LockStatus.NO_KEY,
    lockData: null,
  });
  expect(await scene.stored("a").record()).toEqual(lockData);
  await locker.release("a", lockData);
});

it("two releases without an answer reject, the background retries, and the key becomes free", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  const stop = scene.rest.session.faults.add({ kind: "drop-request", script: "release" });
  await expect(locker.release("a", lockData)).rejects.toThrow(LockReleaseUnknownError);
  expect(scene.sent("release")).toBe(2);
  expect(scene.errorTypes()).toEqual(["locker", "locker"]);
  expect(await scene.stored().record()).not.toBeNull();
  stop();
  // waitUntil covers it.
  await Promise.all(scene.rest.pledges);
  expect(await scene.stored().record()).toBeNull();
});

it("a release without an answer can be called again, and then reports the outcome", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  const stop = scene.rest.session.faults.add({ kind: "drop-request", script: "release" });
  await expect(locker.release("a", lockData)).rejects.toThrow(LockReleaseUnknownError);
  stop();
  expect(await locker.release("a", lockData)).toEqual({
    status: LockStatus.SUCCESS,
    lockData: null,
  });
});

it("a release whose answer was lost succeeds when it is sent again", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  scene.rest.session.faults.add({ kind: "drop-response", script: "release", times: 1 });
  expect(await locker.release("a", lockData)).toEqual({
    status: LockStatus.SUCCESS,
    lockData: null,
  });
  expect(scene.errorTypes()).toEqual(["locker"]);
});

it("the background gives up once the lock's TTL has passed, and says NO_KEY", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...QUIET, runtime: clock });
  const { lockData } = await take(locker);
  scene.rest.session.faults.add({ kind: "drop-request", script: "release" });
  let outcome: unknown;
  const first = locker.release("a", lockData).catch((error: unknown) => error);
  await eventually("the first send has failed", () => scene.errors.length === 1);
  await clock.advance(10_000);
  expect(await first).toBeInstanceOf(LockReleaseUnknownError);
  // Expired in Redis by then: 300 s, plus the time of a renewal in flight.
  await clock.advance(302_000);
  await eventually("it has given up", async () => {
    if (outcome !== undefined) return true;
    await locker.release("a", lockData).then(
      (value) => (outcome = value),
      () => clock.advance(302_000),
    );
    return false;
  });
  expect(outcome).toEqual({ status: LockStatus.NO_KEY, lockData: null });
  scene.rest.session.faults.clear();
  await scene.del(scene.stored().name, scene.procName(lockData.processHash));
});

it("a foreign release without an answer is retried in the background, too", async () => {
  const scene = scenes.open();
  const { lockData } = await take(scene.locker());
  const proc = scene.procName(lockData.processHash);
  const stop = scene.rest.session.faults.add({ kind: "drop-request", script: "force-delete" });
  await expect(scene.locker().release("a", lockData)).rejects.toThrow(LockReleaseUnknownError);
  expect(scene.errorTypes()).toEqual(["locker", "locker"]);
  stop();
  await eventually("the key is free", async () => (await scene.stored().record()) === null);
  await scene.del(proc);
});

it("a foreign release whose answer was lost is a success, and no copy of the acquire resurrects the lock", async () => {
  const scene = scenes.open();
  const { faults } = scene.rest.session;
  const { opened, open } = gate();
  faults.add({ kind: "duplicate", script: "acquire", times: 1, until: opened });
  const { lockData } = await take(scene.locker());
  faults.add({ kind: "drop-response", script: "force-delete", times: 1 });
  expect(await scene.locker().release("a", lockData)).toEqual({
    status: LockStatus.SUCCESS,
    lockData: null,
  });
  open();
  await scene.rest.session.settled();
  expect(await scene.stored().record()).toBeNull();
  await scene.del(scene.procName(lockData.processHash));
});

it("a foreign release of a lock that was already force-released is not a success", async () => {
  const scene = scenes.open();
  const { lockData } = await take(scene.locker());
  const locks = scene.rest.locks();
  await locks.forceRelease("a");
  expect(await scene.locker().release("a", lockData)).toEqual({
    status: LockStatus.NO_KEY,
    lockData: null,
  });
  const next = await locks.acquire("a");
  expect(await scene.locker().release("a", lockData)).toMatchObject({
    status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
    lockData: { ownerHash: next.token },
  });
  await next.release();
  await scene.del(scene.procName(lockData.processHash));
});

it("work that ended while it held the lock keeps its result although its release was not answered", async () => {
  const scene = scenes.open();
  scene.rest.session.faults.add({ kind: "drop-request", script: "release", times: 2 });
  const outcome = await scene.locker().acquireAndRun("a", async (_heartbeater) => 17);
  expect(outcome).toEqual({ status: LockStatus.SUCCESS, result: 17 });
  await Promise.all(scene.rest.pledges);
  expect(await scene.stored().record()).toBeNull();
});
