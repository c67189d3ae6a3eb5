import { describe, expect, it } from "vitest";
import { LockConfigurationError, type Locker } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();
const DEAD = "n@host/1.2.3";

describe("terminate", () => {
  it("ends the reports: a held lock can be taken over once its liveness has expired", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const locker = scene.locker({ runtime: clock });
    const { lockData } = await take(locker);
    await locker.terminate();
    await clock.advance(60_000);
    expect(scene.sent("renew")).toBe(0);
    expect(clock.sleeping).toEqual([]);
    expect(await scene.stored().procPttl()).toBeLessThanOrEqual(10_000);
    await scene.stored().killHolder();
    const next = scene.locker();
    const { lockData: taken } = await take(next);
    expect(taken.ownerHash).not.toBe(lockData.ownerHash);
    await next.release("a", taken);
  });

  it("settles the promise that waitUntil was given", async () => {
    const scene = scenes.open();
    const locker = scene.locker();
    const { lockData } = await take(locker);
    await locker.terminate();
    await Promise.all(scene.rest.pledges);
    await scene.del(scene.stored().name, scene.procName(lockData.processHash));
  });

  it.each<[string, (locker: Locker) => Promise<unknown>]>([
    ["acquire", (locker) => locker.acquire("a")],
    ["acquireAndRun", (locker) => locker.acquireAndRun("a", async (_heartbeater) => 1)],
    [
      "mutex",
      (locker) =>
        locker.mutex(
          "a",
          1,
          async (_heartbeater) => 1,
          async () => {},
        ),
    ],
    ["readLockData", (locker) => locker.readLockData("a")],
    ["readOwnerHashStatus", (locker) => locker.readOwnerHashStatus(DEAD)],
    [
      "release",
      (locker) =>
        locker.release("a", {
          ownerHash: DEAD,
          processHash: "host/1.2",
          acquiredAt: "",
          extendedAt: "",
        }),
    ],
  ])("makes a later %s an error, before anything is sent", async (_, use) => {
    const scene = scenes.open();
    const locker = scene.locker();
    await locker.terminate();
    const used = use(locker);
    await expect(used).rejects.toThrow(LockConfigurationError);
    await expect(used).rejects.toThrow(/terminated/);
    expect(scene.sent()).toBe(0);
  });

  it("lets no extension resume the reports of a held lock", async () => {
    const scene = scenes.open();
    const locker = scene.locker();
    const { lockData, extend } = await take(locker);
    const proc = scene.procName(lockData.processHash);
    await locker.terminate();
    await scene.rest.command("PEXPIRE", proc, 5_000);
    // Whatever the outcome: it lengthens nothing.
    await extend().catch(() => {});
    const left = Number(await scene.rest.command("PTTL", proc));
    await scene.del(scene.stored().name, proc);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  it("during an acquire: the acquire fails, and a lock it still gets is released", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const { opened, open } = gate();
    scene.rest.session.faults.add({ kind: "delay-response", script: "acquire", until: opened });
    const locker = scene.locker({ runtime: clock });
    const acquiring = locker.acquire("a");
    acquiring.catch(() => {});
    await eventually("Redis has it", async () => (await scene.stored().record()) !== null);
    await locker.terminate();
    open();
    await expect(acquiring).rejects.toThrow(/terminated/);
    await Promise.all(scene.rest.pledges);
    expect(await scene.stored().record()).toBeNull();
    expect(clock.sleeping).toEqual([]);
  });

  it("during a callback: heartbeats no longer lengthen anything", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const locker = scene.locker({ runtime: clock, lockExtendMs: 1_000 });
    let left: number | undefined;
    const run = locker.acquireAndRun("a", async (heartbeater) => {
      const record = await scene.stored().record();
      const proc = scene.procName(record?.processHash ?? "");
      await scene.rest.command("PEXPIRE", proc, 5_000);
      await locker.terminate();
      await clock.advance(1_001);
      // Whatever the outcome.
      await heartbeater.heartbeat().catch(() => {});
      left = Number(await scene.rest.command("PTTL", proc));
    });
    await run.catch(() => {});
    expect(left).toBeLessThanOrEqual(5_000);
    expect(await scene.stored().record()).toBeNull();
  });

  it("during a callback: a heartbeat stops it once its liveness has expired", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const locker = scene.locker({ runtime: clock });
    const run = locker.acquireAndRun("a", async (heartbeater) => {
      await locker.terminate();
      await clock.advance(10_000);
      await heartbeater.heartbeat();
    });
    await expect(run).rejects.toThrow();
    expect(await scene.stored().record()).toBeNull();
  });

  it("can be called again, and leaves the database to its other users", async () => {
    const scene = scenes.open();
    const database = scene.database();
    const [locker, other] = [scene.locker({ database }), scene.locker({ database })];
    await locker.terminate();
    await locker.terminate();
    const { lockData } = await take(other);
    await other.release("a", lockData);
  });
});
