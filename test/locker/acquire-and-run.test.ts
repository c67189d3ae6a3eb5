import { describe, expect, it } from "vitest";
import {
  Heartbeater,
  LockConfigurationError,
  LockLostError,
  LockStatus,
  type LockData,
} from "../../src/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { QUIET, take, useLockers } from "./lockers.ts";

const scenes = useLockers();

describe("acquireAndRun", () => {
  it("runs the callback under the lock, answers SUCCESS and its result, and releases", async () => {
    const scene = scenes.open();
    const locker = scene.locker();
    const outcome = await locker.acquireAndRun(
      "a",
      async (heartbeater, ownerHash) => {
        expect(heartbeater).toBeInstanceOf(Heartbeater);
        expect(await scene.stored().record()).toMatchObject({ ownerHash, trace: "t" });
        return 17;
      },
      "t",
    );
    expect(outcome).toEqual({ status: LockStatus.SUCCESS, result: 17 });
    expect(await scene.stored().record()).toBeNull();
    expect(scene.errors).toEqual([]);
  });

  it("answers SOMEONE_ELSE_HOLDS_LOCK and its record without running the callback", async () => {
    const scene = scenes.open();
    const locker = scene.locker();
    const { lockData } = await take(locker);
    let ran = false;
    const outcome = await scene.locker().acquireAndRun("a", async (_heartbeater) => {
      ran = true;
    });
    expect(outcome).toEqual({ status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData });
    expect(ran).toBe(false);
    await locker.release("a", lockData);
  });

  it("refuses a callback that takes no heartbeater, before anything is sent", async () => {
    const scene = scenes.open();
    const locker = scene.locker();
    const run = locker.acquireAndRun("a", async () => {});
    await expect(run).rejects.toThrow(LockConfigurationError);
    await expect(run).rejects.toMatchObject({ option: "func" });
    const mutex = locker.mutex(
      "a",
      1_000,
      async () => {},
      async () => {},
    );
    await expect(mutex).rejects.toMatchObject({ option: "func" });
    // @ts-expect-error not a function
    await expect(locker.acquireAndRun("a", 17)).rejects.toMatchObject({ option: "func" });
    expect(scene.sent()).toBe(0);
  });

  it("rejects with the callback's own error, and has released by then", async () => {
    const scene = scenes.open();
    const failure = new Error("the mail server is down");
    const run = scene.locker().acquireAndRun("a", async (_heartbeater) => {
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    expect(await scene.stored().record()).toBeNull();
    expect(scene.errors).toEqual([]);
  });

  it("the callback's own error wins over a release without an answer, which is still reported", async () => {
    const scene = scenes.open();
    const failure = new Error("the mail server is down");
    scene.rest.session.faults.add({ kind: "drop-request", script: "release", times: 2 });
    const run = scene.locker().acquireAndRun("a", async (_heartbeater) => {
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    expect(scene.errorTypes()).toEqual(["locker", "locker"]);
    await Promise.all(scene.rest.pledges);
    expect(await scene.stored().record()).toBeNull();
  });

  it("the callback's own error wins over the loss of its lock", async () => {
    const scene = scenes.open();
    const failure = new Error("the mail server is down");
    const run = scene.locker().acquireAndRun("a", async (_heartbeater) => {
      await scene.stored().steal();
      throw failure;
    });
    await expect(run).rejects.toBe(failure);
    expect(await scene.stored().record()).toMatchObject({ fence: 1 });
    await scene.stored().vanish();
  });
});

describe("a callback that lost its lock", () => {
  it("stops at its next heartbeat, and does not touch its successor's lock", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const steps: string[] = [];
    const successor = scene.locker();
    let second: LockData | undefined;
    const run = scene
      .locker({ ...QUIET, runtime: clock })
      .acquireAndRun("a", async (heartbeater) => {
        await heartbeater.heartbeat();
        steps.push("one");
        await scene.stored().killHolder();
        second = (await take(successor)).lockData;
        await clock.advance(5_001);
        await heartbeater.heartbeat();
        steps.push("two");
      });
    await expect(run).rejects.toThrow(LockLostError);
    expect(steps).toEqual(["one"]);
    expect(await scene.stored().record()).toEqual(second);
    expect(await successor.readLockData("a")).toEqual(second);
    expect(scene.errorTypes()).toContain("lost_lock");
    if (second) await successor.release("a", second);
  });

  it("and finished without noticing it rejects with LockLostError, which carries its result", async () => {
    const scene = scenes.open();
    const run = scene.locker(QUIET).acquireAndRun("a", async (_heartbeater) => {
      await scene.stored().steal();
      return "charged twice";
    });
    await expect(run).rejects.toThrow(LockLostError);
    await expect(run).rejects.toMatchObject({ lockKey: "a", result: "charged twice" });
    expect(await scene.stored().record()).toMatchObject({ fence: 1 });
    await scene.stored().vanish();
  });

  it("gets LockLostError from every heartbeat from then on, without a request", async () => {
    const scene = scenes.open();
    const clock = new ManualRuntime();
    const run = scene
      .locker({ ...QUIET, runtime: clock })
      .acquireAndRun("a", async (heartbeater) => {
        await scene.stored().vanish();
        await clock.advance(5_001);
        await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
        const sent = scene.sent();
        await expect(heartbeater.heartbeat()).rejects.toThrow(LockLostError);
        await expect(heartbeater.delay(1_000)).rejects.toThrow(LockLostError);
        expect(scene.sent()).toBe(sent);
      });
    await expect(run).rejects.toThrow(LockLostError);
    expect(scene.errorTypes().filter((type) => type === "lost_lock")).toHaveLength(1);
  });
});
