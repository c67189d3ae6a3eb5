import { describe, expect, it } from "vitest";
import { backoffDelay, retryAfter } from "../../src/retry.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const OPTIONS = { maxRetries: 3, initialDelay: 100, maxDelay: 3_000, multiplier: 2, jitter: false };

it("grows from the first delay by the multiplier, up to the longest delay", () => {
  const runtime = new ManualRuntime();
  const delays = [0, 1, 2, 3, 4, 5, 6].map((retry) => backoffDelay(OPTIONS, retry, runtime));
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_000, 3_000]);
});

it("stays at the longest delay after any number of retries", () => {
  const runtime = new ManualRuntime();
  expect(backoffDelay(OPTIONS, 100_000, runtime)).toBe(3_000);
  expect(backoffDelay({ ...OPTIONS, multiplier: 1 }, 100_000, runtime)).toBe(100);
});

it("jitter shortens a delay by at most half, and never lengthens it", () => {
  const runtime = new ManualRuntime();
  const jittered = { ...OPTIONS, jitter: true };
  expect(backoffDelay(jittered, 1, runtime)).toBe(200);
  runtime.chance = 0.5;
  expect(backoffDelay(jittered, 1, runtime)).toBe(150);
  runtime.chance = 1 - Number.EPSILON;
  expect(backoffDelay(jittered, 1, runtime)).toBeGreaterThanOrEqual(100);
});

it("draws no random number when jitter is off", () => {
  const runtime = { random: (): number => expect.fail("random() was called") };
  expect(backoffDelay(OPTIONS, 0, runtime)).toBe(100);
});

describe("Retry-After", () => {
  it.each([
    [30_000, 0, "3"],
    [30_000, 0.999, "6"],
    [2_001, 0.5, "1"],
    [300_000, 0.5, "45"],
  ])(
    "with %i ms left and chance %d is %s s: a tenth to a fifth",
    (remainingMs, chance, seconds) => {
      expect(retryAfter(remainingMs, { random: () => chance })).toBe(seconds);
    },
  );

  it.each([null, 0, 1, 400])(
    "with %s ms left is the least that HTTP can say: 1 s",
    (remainingMs) => {
      expect(retryAfter(remainingMs)).toBe("1");
    },
  );

  it("is never later than the second in which the lock ends", () => {
    for (const remainingMs of [1, 999, 1_001, 5_000, 299_999]) {
      const seconds = Number(retryAfter(remainingMs, { random: () => 0.999 }));
      expect(seconds).toBeLessThanOrEqual(Math.ceil(remainingMs / 1_000));
    }
  });
});
