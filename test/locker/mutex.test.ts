import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Heartbeater, LockLostError, MutexError, isLockError } from "../../src/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { take, useLockers } from "./lockers.ts";

const scenes = useLockers();

it("mutex runs its function at once when the lock is free, and returns its result", async () => {
  const scene = scenes.open();
  const result = await scene.locker().mutex(
    "a",
    1_000,
    async (heartbeater) => {
      expect(heartbeater).toBeInstanceOf(Heartbeater);
      return (await scene.stored().record())?.trace;
    },
    () => Promise.reject(new Error("it was free")),
    "my trace",
  );
  expect(result).toBe("my trace");
  expect(await scene.stored().record()).toBeNull();
});

it("mutex retries after each recheckDelay, and runs once the holder has released", async () => {
  const scene = scenes.open();
  const holder = scene.locker();
  const { lockData } = await take(holder);
  let delays = 0;
  const result = await scene.locker().mutex(
    "a",
    60_000,
    async (_heartbeater) => "in",
    async () => {
      delays += 1;
      if (delays === 3) await holder.release("a", lockData);
    },
  );
  expect([result, delays]).toEqual(["in", 3]);
  expect(scene.sent("acquire")).toBe(1 + 2 * 3 + 1);
});

it("mutex throws MutexError with the holder's record when it could not be acquired in time", async () => {
  const scene = scenes.open();
  const clock = new ManualRuntime();
  const holder = scene.locker();
  const { lockData } = await take(holder);
  let delays = 0;
  const waiting = scene.locker({ runtime: clock }).mutex(
    "a",
    1_000,
    async (_heartbeater) => "in",
    async () => {
      delays += 1;
      await clock.advance(delays < 3 ? 400 : 200);
    },
  );
  const error: unknown = await waiting.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MutexError);
  expect(error).toMatchObject({ name: "MutexError", code: "LOCK_MUTEX", lockKey: "a" });
  expect(error instanceof MutexError && error.lockData).toEqual(lockData);
  expect(isLockError(error, "LOCK_MUTEX")).toBe(true);
  expect(delays).toBe(3);
  // The holder's hash is for the program, not for logs.
  expect(`${String(error)}${JSON.stringify(error)}`).not.toContain(lockData.processHash);
  await holder.release("a", lockData);
});

it("mutex with a timeout of 0 tries once", async () => {
  const scene = scenes.open();
  const holder = scene.locker();
  const { lockData } = await take(holder);
  const before = scene.sent();
  const run = scene.locker().mutex(
    "a",
    0,
    async (_heartbeater) => 1,
    async () => {},
  );
  await expect(run).rejects.toThrow(MutexError);
  // One attempt: a refusal by a record with a long TTL, and the check of its holder's process.
  expect(scene.sent() - before).toBe(2);
  await holder.release("a", lockData);
});

it("mutex rejects with its function's own error, or a loss, without retrying", async () => {
  const scene = scenes.open();
  const failure = new Error("the mail server is down");
  const never = (): Promise<never> => Promise.reject(new Error("asked again"));
  const failing = scene
    .locker()
    .mutex("a", 1_000, (_heartbeater) => Promise.reject(failure), never);
  await expect(failing).rejects.toBe(failure);
  const losing = scene
    .locker()
    .mutex("a", 1_000, async (_heartbeater) => scene.stored().vanish(), never);
  await expect(losing).rejects.toThrow(LockLostError);
  expect(scene.sent("acquire")).toBe(2);
});

it.each([2, 5])(
  "ten contenders on %d Lockers: never two in the critical section, and all finish",
  async (n) => {
    const scene = scenes.open();
    const lockers = Array.from({ length: n }, () => scene.locker());
    const inside = { now: 0, most: 0 };
    const fences: number[] = [];
    const contend = async (locker: (typeof lockers)[number], name: number): Promise<number> =>
      locker.mutex(
        "a",
        60_000,
        async (heartbeater) => {
          inside.now += 1;
          inside.most = Math.max(inside.most, inside.now);
          fences.push((await scene.stored().record())?.fence ?? 0);
          await heartbeater.delay(5);
          inside.now -= 1;
          return name;
        },
        () => sleep(5 + Math.random() * 20),
      );
    const contenders = Array.from({ length: 10 }, (_, name) =>
      lockers.slice(name % n, (name % n) + 1).map((locker) => contend(locker, name)),
    );
    const finished = await Promise.all(contenders.flat());
    expect(finished).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(inside.most).toBe(1);
    expect(new Set(fences).size).toBe(10);
    expect(fences).toEqual(fences.toSorted((one, other) => one - other));
    expect(scene.errors).toEqual([]);
  },
);
