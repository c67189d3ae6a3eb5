import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { LockLostError } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("a holder reports every reportWriteMs, in one command that lengthens its liveness only", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ runtime: clock, reportTtlMs: 60_000 });
  const { lockData } = await take(locker);
  const stored = await scene.stored().record();
  await scene.stored().expireIn(100_000);
  for (let reports = 1; reports <= 3; reports += 1) {
    await scene.rest.command("PEXPIRE", scene.procName(lockData.processHash), 30_000);
    await clock.advance(1_999);
    expect(scene.sent("renew")).toBe(reports - 1);
    await clock.advance(1);
    await eventually("the report is answered", () => scene.renewals.length === reports);
    expect(await scene.stored().procPttl()).toBeGreaterThan(50_000);
  }
  expect(scene.renewals.map(({ ttlMs, livenessMs }) => [ttlMs, livenessMs])).toEqual(
    Array.from({ length: 3 }, () => [0, 60_000]),
  );
  // The lock's own TTL and its record are left to heartbeats.
  expect(await scene.stored().pttl()).toBeLessThanOrEqual(100_000);
  expect(await scene.stored().record()).toEqual(stored);
  expect(scene.sent()).toBe(1 + 3);
  await locker.release("a", lockData);
});

it("reports end with the release", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ runtime: clock });
  const { lockData } = await take(locker);
  await locker.release("a", lockData);
  const sent = scene.sent();
  await clock.advance(60_000);
  expect(scene.sent()).toBe(sent);
  expect(clock.sleeping).toEqual([]);
});

it("a report that was not answered is repeated soon, and shown in errors", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  scene.rest.session.faults.add({ kind: "drop-request", script: "renew", times: 1 });
  const locker = scene.locker({ runtime: clock });
  const { lockData } = await take(locker);
  await clock.advance(2_000);
  await eventually("the failure is known", () => scene.errors.length === 1);
  expect(scene.errors).toEqual([{ type: "reporter", error: expect.any(Error) }]);
  await clock.advance(1_000);
  await eventually("the next report is answered", () => scene.renewals.length === 1);
  await locker.release("a", lockData);
});

it("a dead holder's lock is taken over within reportTtlMs and one retry, though its TTL is five minutes", async () => {
  const scene = scenes.open();
  const started = Date.now();
  const times = { reportWriteMs: 200, reportTtlMs: 600 };
  // Its clock is stopped: nothing it has scheduled ever runs.
  const dead = scene.locker({ ...times, runtime: new ManualRuntime() });
  const { lockData } = await take(dead);
  const proc = scene.procName(lockData.processHash);
  expect(Number(await scene.rest.command("PTTL", proc))).toBeLessThanOrEqual(600);
  const alive: boolean[] = [];
  const isOurs = await scene.locker().mutex(
    "a",
    10_000,
    async (_heartbeater) => (await scene.stored().record())?.ownerHash !== lockData.ownerHash,
    async () => {
      expect(await scene.stored().pttl()).toBeGreaterThan(200_000);
      await sleep(50);
      alive.push(await scene.exists(proc));
    },
  );
  expect(isOurs).toBe(true);
  // At the first try after its liveness expired, and not before.
  expect(alive.slice(0, -1)).not.toContain(false);
  expect(Date.now() - started).toBeGreaterThanOrEqual(590);
});

it("a stuck holder, alive but without heartbeats, loses its lock after lockTtlMs", async () => {
  const scene = scenes.open();
  const times = { reportWriteMs: 200, reportTtlMs: 1_400, lockExtendMs: 1_400, lockTtlMs: 1_500 };
  const other = scene.locker();
  const run = scene.locker(times).acquireAndRun("a", async (heartbeater) => {
    await eventually("its lock has expired", async () => (await scene.stored().pttl()) < 0);
    const { lockData } = await take(other);
    await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
    expect(await scene.stored().record()).toEqual(lockData);
    await other.release("a", lockData);
    return "stuck";
  });
  await expect(run).rejects.toMatchObject({ code: "LOCK_LOST", result: "stuck" });
  expect(scene.renewals.length).toBeGreaterThan(0);
  expect(scene.errorTypes()).toContain("lost_lock");
});

it("a stuck holder knows by its clock that it lost the lock, although every report was answered", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const times = { reportWriteMs: 100_000, reportTtlMs: 250_000 };
  const run = scene.locker({ ...times, runtime: clock }).acquireAndRun("a", async (heartbeater) => {
    for (const reports of [1, 2]) {
      await clock.advance(100_000);
      await eventually("the report is answered", () => scene.renewals.length === reports);
    }
    // Minus the margin of 2 %: it must stop before Redis can grant the lock to another.
    await clock.advance(93_999);
    expect(scene.errors).toEqual([]);
    await clock.advance(1);
    expect(scene.errorTypes()).toEqual(["lost_lock"]);
    await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
  });
  // No one else held it meanwhile: the release found its own lock.
  expect(await run).toEqual({ status: "SUCCESS", result: undefined });
});

it("a holder whose reports failed for reportTtlMs stops by itself", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const run = scene.locker({ runtime: clock }).acquireAndRun("a", async (heartbeater) => {
    scene.rest.session.faults.add({ kind: "drop-request", script: "renew" });
    await clock.advance(9_799);
    expect(scene.errorTypes()).not.toContain("lost_lock");
    await clock.advance(1);
    expect(scene.errorTypes()).toContain("lost_lock");
    await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
    throw new Error("stopped");
  });
  await expect(run).rejects.toThrow("stopped");
});
