import { afterEach, expect, it } from "vitest";
import { DrainingSignal, Heartbeater, NoopHeartbeater } from "../../src/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

afterEach(() => {
  Heartbeater.setDraining(null);
});

it("heartbeat calls its callback each time, and rejects with its error", async () => {
  let beats = 0;
  const failure = new Error("lost");
  const heartbeater = new Heartbeater("job", async () => {
    beats += 1;
    if (beats === 3) throw failure;
  });
  await heartbeater.heartbeat();
  await heartbeater.heartbeat();
  expect(beats).toBe(2);
  await expect(heartbeater.heartbeat()).rejects.toBe(failure);
});

it("withOnEvery calls back at most once per interval, first after one interval", async () => {
  const clock = new ManualRuntime();
  let beats = 0;
  let calls = 0;
  const heartbeater = new Heartbeater("job", () => void (beats += 1), clock).withOnEvery(
    100,
    () => void (calls += 1),
  );
  await heartbeater.heartbeat();
  await clock.advance(100);
  await heartbeater.heartbeat();
  expect([beats, calls]).toEqual([2, 0]);
  await clock.advance(1);
  await heartbeater.heartbeat();
  await heartbeater.heartbeat();
  expect([beats, calls]).toEqual([4, 1]);
  await clock.advance(101);
  await heartbeater.heartbeat();
  expect([beats, calls]).toEqual([5, 2]);
});

it("withOnEvery coalesces a burst: heartbeats during a slow callback do not call it again", async () => {
  const clock = new ManualRuntime();
  let calls = 0;
  const heartbeater = new Heartbeater("job", () => {}, clock).withOnEvery(100, async () => {
    calls += 1;
    await clock.sleep(50);
  });
  await clock.advance(101);
  const burst = Array.from({ length: 100 }, () => heartbeater.heartbeat());
  await clock.advance(50);
  await Promise.all(burst);
  expect(calls).toBe(1);
});

it("withOnEvery does not change the heartbeater it derives from, and each has its own interval", async () => {
  const clock = new ManualRuntime();
  const calls: string[] = [];
  const plain = new Heartbeater("job", () => {}, clock);
  const both = plain
    .withOnEvery(300, () => void calls.push("slow"))
    .withOnEvery(100, () => void calls.push("fast"));
  for (let step = 0; step < 3; step += 1) {
    await clock.advance(101);
    await plain.heartbeat();
    await both.heartbeat();
  }
  expect(calls).toEqual(["fast", "fast", "fast", "slow"]);
});

it("a callback of withOnEvery that throws makes the heartbeat throw", async () => {
  const clock = new ManualRuntime();
  const failure = new Error("lost");
  const heartbeater = new Heartbeater("job", () => {}, clock).withOnEvery(100, () => {
    throw failure;
  });
  await clock.advance(101);
  await expect(heartbeater.heartbeat()).rejects.toBe(failure);
});

it("delay sleeps for the given time, with a heartbeat before, after, and every second", async () => {
  const clock = new ManualRuntime();
  const beats: number[] = [];
  const started = clock.monotonic;
  const heartbeater = new Heartbeater(
    "job",
    () => void beats.push(clock.monotonic - started),
    clock,
  );
  let isOver = false;
  const delay = heartbeater.delay(2_500.9).then(() => (isOver = true));
  await clock.advance(2_499);
  expect(isOver).toBe(false);
  await clock.advance(1);
  await delay;
  expect(beats).toEqual([0, 1_000, 2_000, 2_500]);
  expect(clock.sleeping).toEqual([]);
});

it.each([0, -1])("delay(%d) is one heartbeat", async (ms) => {
  let beats = 0;
  await new Heartbeater("job", () => void (beats += 1), new ManualRuntime()).delay(ms);
  expect(beats).toBe(1);
});

it("setDraining makes every heartbeat throw DrainingSignal, even during a delay, within a second", async () => {
  const clock = new ManualRuntime();
  const heartbeater = new Heartbeater("job 17", () => {}, clock);
  let thrown: unknown;
  const delay = heartbeater.delay(60_000).catch((error: unknown) => {
    thrown = error;
  });
  await clock.advance(500);
  Heartbeater.setDraining("deploy");
  await expect(heartbeater.heartbeat()).rejects.toThrow(DrainingSignal);
  await expect(heartbeater.withOnEvery(1, () => {}).heartbeat()).rejects.toThrow(/job 17.*deploy/);
  await clock.advance(500);
  await delay;
  expect(thrown).toBeInstanceOf(DrainingSignal);
  expect(thrown).toMatchObject({ name: "DrainingSignal" });
  expect(clock.sleeping).toEqual([]);
});

it("setDraining(null) lets jobs run again, and an empty reason drains, too", async () => {
  const heartbeater = new Heartbeater("job");
  Heartbeater.setDraining("");
  await expect(heartbeater.heartbeat()).rejects.toThrow(/draining$/);
  Heartbeater.setDraining(null);
  await heartbeater.heartbeat();
});

it("a NoopHeartbeater does nothing, but drains", async () => {
  const heartbeater = new NoopHeartbeater();
  expect(heartbeater).toBeInstanceOf(Heartbeater);
  await heartbeater.heartbeat();
  Heartbeater.setDraining("deploy");
  await expect(heartbeater.heartbeat()).rejects.toThrow(DrainingSignal);
});
