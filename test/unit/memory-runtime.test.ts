import { expect, it } from "vitest";
import { ManualRuntime } from "../../src/testing/index.ts";

const START = Date.UTC(2030, 0, 1);

it("time stands still until it is advanced, and then both clocks advance", async () => {
  const runtime = new ManualRuntime();
  expect(runtime.now()).toEqual({ wall: START, monotonic: 0 });
  await runtime.advance(1_500);
  expect(runtime.now()).toEqual({ wall: START + 1_500, monotonic: 1_500 });
});

it("sleeps wake in order, each at its time", async () => {
  const runtime = new ManualRuntime({ wall: 1_000 });
  const woken: [string, number][] = [];
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await runtime.sleep(ms);
    woken.push([name, runtime.now().wall]);
  };
  void sleeper("late", 300);
  void sleeper("early", 100);
  void sleeper("also early", 100);
  expect(runtime.pendingSleeps).toEqual([100, 100, 300]);
  await runtime.advance(299);
  expect(woken).toEqual([
    ["early", 1_100],
    ["also early", 1_100],
  ]);
  expect(runtime.pendingSleeps).toEqual([1]);
  await runtime.advance(1);
  expect(woken.at(-1)).toEqual(["late", 1_300]);
});

it("code woken by a sleep runs until its next sleep before another one wakes", async () => {
  const runtime = new ManualRuntime();
  const log: string[] = [];
  const chain = async (): Promise<void> => {
    for (let turn = 1; turn <= 3; turn += 1) {
      await runtime.sleep(100);
      for (let depth = 0; depth < 200; depth += 1) await Promise.resolve();
      log.push(`chain ${runtime.now().monotonic}`);
    }
  };
  void chain();
  void runtime.sleep(150).then(() => log.push("other 150"));
  await runtime.advance(1_000);
  expect(log).toEqual(["chain 100", "other 150", "chain 200", "chain 300"]);
});

it("calls of advance queue up", async () => {
  const runtime = new ManualRuntime();
  const woken: number[] = [];
  void runtime.sleep(150).then(() => woken.push(runtime.now().monotonic));
  await Promise.all([runtime.advance(100), runtime.advance(100)]);
  expect(woken).toEqual([150]);
  expect(runtime.now().monotonic).toBe(200);
});

it("an abort wakes a sleep at once and leaves nothing behind", async () => {
  const runtime = new ManualRuntime();
  const abort = new AbortController();
  const slept = runtime.sleep(1_000, abort.signal);
  abort.abort();
  await slept;
  await runtime.sleep(1_000, abort.signal);
  expect(runtime.pendingSleeps).toEqual([]);
  expect(runtime.now().monotonic).toBe(0);
});

it("a sleep of zero ms waits for the next advance", async () => {
  const runtime = new ManualRuntime();
  let woken = 0;
  void runtime.sleep(0).then(() => (woken += 1));
  void runtime.sleep(-5).then(() => (woken += 1));
  expect(runtime.pendingSleeps).toEqual([0, 0]);
  await runtime.advance(0);
  expect(woken).toBe(2);
});

it("a jump moves one clock without waking any sleep", async () => {
  const runtime = new ManualRuntime();
  let isWoken = false;
  void runtime.sleep(100).then(() => (isWoken = true));
  runtime.jump({ wall: -60_000 });
  expect(runtime.now()).toEqual({ wall: START - 60_000, monotonic: 0 });
  runtime.jump({ wall: 60_000 });
  runtime.jump({ monotonic: 500 });
  expect(runtime.now()).toEqual({ wall: START, monotonic: 500 });
  expect(runtime.pendingSleeps).toEqual([-400]);
  expect(isWoken).toBe(false);
  await runtime.advance(0);
  expect(isWoken).toBe(true);
  expect(runtime.now()).toEqual({ wall: START, monotonic: 500 });
});

it("the seed determines random numbers and tokens", () => {
  const draw = (runtime: ManualRuntime): (string | number)[] => [
    runtime.random(),
    runtime.randomId(),
    runtime.random(),
    runtime.randomId(),
  ];
  const drawn = draw(new ManualRuntime({ seed: 7 }));
  expect(draw(new ManualRuntime({ seed: 7 }))).toEqual(drawn);
  expect(draw(new ManualRuntime({ seed: 8 }))).not.toEqual(drawn);
  for (const value of drawn) {
    if (typeof value === "number") expect(value).toBeLessThan(1);
    else expect(value).toMatch(/^\d+\.\d+$/);
  }
});

it("runtimes without a seed generate different tokens", () => {
  const tokens = Array.from({ length: 100 }, () => new ManualRuntime().randomId());
  expect(new Set(tokens).size).toBe(100);
});

it("the source of random numbers can be replaced", () => {
  expect(new ManualRuntime({ random: () => 0.5 }).random()).toBe(0.5);
});

it("wrong arguments are refused by name", () => {
  const runtime = new ManualRuntime();
  expect(() => runtime.jump({ monotonic: -1 })).toThrow(/^monotonic: /);
  expect(() => runtime.advance(Number.NaN)).toThrow(/^ms: /);
  expect(() => new ManualRuntime({ seed: -1 })).toThrow(/^seed: /);
  expect(() => new ManualRuntime({ wall: Number.NaN })).toThrow(/^wall: /);
});
