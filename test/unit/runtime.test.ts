import { getEventListeners } from "node:events";
import { expect, it, vi } from "vitest";
import { systemRuntime } from "../../src/runtime.ts";

it("wakes a sleeper at once when its signal aborts, and leaves no listener and no timer", async () => {
  const controller = new AbortController();
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const sleeping = systemRuntime.sleep(3_600_000, controller.signal);
  controller.abort();
  await sleeping;
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  const left = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  expect(left).toBeLessThanOrEqual(timers);
});

it("leaves no listener on the signal of a sleep that ended by itself", async () => {
  const controller = new AbortController();
  await systemRuntime.sleep(1, controller.signal);
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
});

it("does not sleep with an aborted signal", async () => {
  await systemRuntime.sleep(3_600_000, AbortSignal.abort());
});

it("sleeps longer than the longest timer when asked to", async () => {
  const controller = new AbortController();
  const woken = vi.fn<() => void>();
  const sleeping = systemRuntime.sleep(Infinity, controller.signal).then(woken);
  await systemRuntime.sleep(20);
  expect(woken).not.toHaveBeenCalled();
  controller.abort();
  await sleeping;
});

it("generates unique tokens in the format that the wire format requires", () => {
  const tokens = Array.from({ length: 1_000 }, () => systemRuntime.randomId());
  expect(new Set(tokens).size).toBe(tokens.length);
  for (const token of tokens) expect(`leasehold/${token}`).toMatch(/^[^/@]+\/\d+\.\d+$/);
});
