import { expect, it } from "vitest";
import { DrainingSignal, Heartbeater, LockLostError } from "../../src/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { QUIET, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("a heartbeat checks the lock once every lockRecheckMs, without lengthening anything", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...QUIET, runtime: clock });
  await locker.acquireAndRun("a", async (heartbeater) => {
    await scene.stored().expireIn(100_000);
    const record = await scene.stored().record();
    await scene.rest.command("PEXPIRE", scene.procName(record?.processHash ?? ""), 50_000);
    for (let checks = 1; checks <= 3; checks += 1) {
      await clock.advance(5_000);
      await heartbeater.heartbeat();
      expect(scene.sent()).toBe(checks);
      await clock.advance(1);
      await Promise.all(Array.from({ length: 10 }, () => heartbeater.heartbeat()));
      expect(scene.sent()).toBe(checks + 1);
    }
    expect(scene.renewals.map(({ ttlMs, livenessMs }) => ttlMs + livenessMs)).toEqual([0, 0, 0]);
    expect(await scene.stored().pttl()).toBeLessThanOrEqual(100_000);
    expect(await scene.stored().procPttl()).toBeLessThanOrEqual(50_000);
    expect(await scene.stored().record()).toEqual(record);
  });
  expect(scene.errors).toEqual([]);
});

/** So long that no report comes in between. */
const LONG = { reportWriteMs: 900_000, reportTtlMs: 1_800_000, lockTtlMs: 1_800_000 } as const;

it("a heartbeat extends the lock and its liveness once every lockExtendMs", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...LONG, runtime: clock, lockRecheckMs: 1_800_000 });
  await locker.acquireAndRun("a", async (heartbeater) => {
    const before = await scene.stored().record();
    for (let extensions = 1; extensions <= 3; extensions += 1) {
      await scene.stored().expireIn(100_000);
      await scene.rest.command("PEXPIRE", scene.procName(before?.processHash ?? ""), 100_000);
      await clock.advance(60_000);
      await heartbeater.heartbeat();
      expect(scene.sent("renew")).toBe(extensions - 1);
      await clock.advance(1);
      await Promise.all(Array.from({ length: 10 }, () => heartbeater.heartbeat()));
      expect(scene.sent("renew")).toBe(extensions);
      expect(await scene.stored().pttl()).toBeGreaterThan(1_700_000);
      expect(await scene.stored().procPttl()).toBeGreaterThan(1_700_000);
    }
    expect(scene.renewals.map(({ ttlMs, livenessMs }) => [ttlMs, livenessMs])).toEqual(
      Array.from({ length: 3 }, () => [1_800_000, 1_800_000]),
    );
    expect(await scene.stored().record()).toEqual({ ...before, extendedAt: isoOf(clock) });
  });
  expect(scene.errors).toEqual([]);
});

it("with heartbeats, a lock is held for longer than lockTtlMs", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...LONG, reportWriteMs: 600_000, runtime: clock });
  const started = clock.wall;
  const { status } = await locker.acquireAndRun("a", async (heartbeater) => {
    while (clock.wall < started + 2 * LONG.lockTtlMs) {
      await clock.advance(60_001);
      await heartbeater.heartbeat();
    }
  });
  expect(status).toBe("SUCCESS");
  expect(scene.errors).toEqual([]);
});

it("a heartbeat whose recheck or extension is not answered resolves, and reports it", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...QUIET, runtime: clock });
  await locker.acquireAndRun("a", async (heartbeater) => {
    scene.rest.session.faults.add({ kind: "drop-request", script: "renew", times: 2 });
    await clock.advance(5_001);
    await heartbeater.heartbeat();
    expect(scene.errors).toEqual([{ type: "locker", error: expect.any(Error) }]);
    await clock.advance(5_001);
    await heartbeater.heartbeat();
    expect(scene.errors).toHaveLength(1);
  });
});

it("one lost answer is recovered from within the same heartbeat", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const locker = scene.locker({ ...QUIET, runtime: clock });
  await locker.acquireAndRun("a", async (heartbeater) => {
    scene.rest.session.faults.add({ kind: "drop-response", script: "renew", times: 1 });
    await clock.advance(5_001);
    await heartbeater.heartbeat();
  });
  expect(scene.errors).toEqual([]);
});

it.each(["recheck", "extend"])("a lost lock is noticed by a heartbeat's %s alone", async (by) => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const other = by === "recheck" ? { lockExtendMs: 90_000 } : { lockRecheckMs: 90_000 };
  const locker = scene.locker({ ...QUIET, ...other, runtime: clock });
  const run = locker.acquireAndRun("a", async (heartbeater) => {
    await scene.stored().steal();
    await clock.advance(60_001);
    await heartbeater.heartbeat();
  });
  await expect(run).rejects.toThrow(LockLostError);
  expect(scene.renewals).toHaveLength(1);
  expect(await scene.stored().record()).toMatchObject({ fence: 1 });
  await scene.stored().vanish();
});

it("a draining process stops a job at its next heartbeat, and its lock is released", async () => {
  const scene = scenes.open();
  const locker = scene.locker(QUIET);
  try {
    const run = locker.acquireAndRun("a", async (heartbeater) => {
      Heartbeater.setDraining("deploy");
      await heartbeater.heartbeat();
    });
    await expect(run).rejects.toThrow(DrainingSignal);
    await expect(run).rejects.toThrow("deploy");
  } finally {
    Heartbeater.setDraining(null);
  }
  expect(await scene.stored().record()).toBeNull();
  expect(scene.errors).toEqual([]);
});

function isoOf(clock: ManualRuntime): string {
  return new Date(clock.wall).toISOString();
}
