import { expect, it } from "vitest";
import { DatabaseError, LockAcquisitionError, LockLostError, Locker } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { QUIET, take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("errors reports type reporter for an unanswered report", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ runtime: clock });
  const { lockData } = await take(locker);
  scene.rest.session.faults.add({ kind: "error-html", script: "renew", times: 1 });
  await clock.advance(2_000);
  await eventually("it is reported", () => scene.errors.length > 0);
  expect(scene.errors).toEqual([{ type: "reporter", error: expect.any(DatabaseError) }]);
  await locker.release("a", lockData);
});

it("errors reports type locker for an unanswered release", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const { lockData } = await take(locker);
  scene.rest.session.faults.add({ kind: "drop-request", script: "release", times: 1 });
  await locker.release("a", lockData);
  expect(scene.errors).toEqual([{ type: "locker", error: expect.any(DatabaseError) }]);
});

it("errors of others on a shared database are not reported by this Locker", async () => {
  const scene = scenes.open();
  const database = scene.database();
  const ofDatabase: unknown[] = [];
  database.errors.subscribe((error) => ofDatabase.push(error));
  const locker = scene.locker({ database });
  const { lockData } = await take(locker);
  scene.rest.session.faults.add({ kind: "drop-request", script: "inspect", times: 1 });
  await expect(new Locker({ database }).readLockData("b")).rejects.toThrow(DatabaseError);
  expect(ofDatabase).toEqual([expect.any(DatabaseError)]);
  expect(scene.errors).toEqual([]);
  await locker.release("a", lockData);
});

it("errors reports type locker for a read that had no answer", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  scene.rest.session.faults.add({ kind: "drop-request", script: "inspect", times: 1 });
  await expect(locker.readLockData("a")).rejects.toThrow(DatabaseError);
  expect(scene.errors).toEqual([{ type: "locker", error: expect.any(DatabaseError) }]);
});

it("errors reports type lost_lock, once, when a report finds the lock gone", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ runtime: clock });
  const { lockData } = await take(locker);
  await scene.stored().vanish();
  await clock.advance(2_000);
  await eventually("it is reported", () => scene.errors.length > 0);
  await clock.advance(60_000);
  expect(scene.errors).toEqual([{ type: "lost_lock", error: expect.any(LockLostError) }]);
  expect(scene.errors[0]?.error).toMatchObject({ lockKey: "a" });
  await locker.release("a", lockData);
});

it("a loss that rejects acquireAndRun is reported as lost_lock and as nothing else", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const run = scene.locker({ ...QUIET, runtime: clock }).acquireAndRun("a", async (heartbeater) => {
    await scene.stored().vanish();
    await clock.advance(5_001);
    await heartbeater.heartbeat();
  });
  await expect(run).rejects.toThrow(LockLostError);
  expect(scene.errorTypes().filter((type) => type === "lost_lock")).toHaveLength(1);
  expect(scene.errorTypes()).not.toContain("reporter");
});

it("a function returned by errors.subscribe ends the subscription", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  const heard: unknown[] = [];
  const stop = locker.errors.subscribe(({ type }) => heard.push(type));
  for (const key of ["a", "b"]) {
    const { lockData } = await take(locker, key);
    scene.rest.session.faults.add({ kind: "drop-request", script: "release", times: 1 });
    await locker.release(key, lockData);
    stop();
  }
  expect(heard).toEqual(["locker"]);
  expect(scene.errors).toHaveLength(2);
});

it("an acquisition without an answer is an error, not a refusal, and leaves nothing behind", async () => {
  const scene = scenes.open();
  scene.rest.session.faults.add({ kind: "drop-response", script: "acquire" });
  const run = scene.locker().acquireAndRun("a", async (_heartbeater) => "never");
  await expect(run).rejects.toThrow(LockAcquisitionError);
  await expect(run).rejects.toMatchObject({ reason: "error", lockKey: "a" });
  await Promise.all(scene.rest.pledges);
  expect(await scene.stored().record()).toBeNull();
});

it("an acquisition whose answer was lost is recognized as its own when it is sent again", async () => {
  const scene = scenes.open();
  const locker = scene.locker();
  scene.rest.session.faults.add({ kind: "drop-response", script: "acquire", times: 1 });
  const { lockData } = await take(locker);
  expect(await scene.stored().record()).toMatchObject({ ownerHash: lockData.ownerHash });
  await locker.release("a", lockData);
});
