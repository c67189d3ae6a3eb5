import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { bounded, linkSignals } from "../../src/runtime.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const never = (): Promise<never> => new Promise(() => {});

function spied(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const listeners = (): number => getEventListeners(controller.signal, "abort").length;
  return { controller, listeners };
}

describe("a bounded wait", () => {
  it("passes on a value that comes in time, and leaves no timer and no listener", async () => {
    const runtime = new ManualRuntime();
    const { controller, listeners } = spied();
    const value = await bounded(runtime, Promise.resolve(7), 1_000, controller.signal);
    expect(value).toEqual({ ended: "done", value: 7 });
    expect(runtime.sleeping).toEqual([]);
    expect(listeners()).toBe(0);
  });

  it("passes on a failure without rejecting, and leaves no timer", async () => {
    const runtime = new ManualRuntime();
    const error = new Error("no");
    const outcome = await bounded(runtime, Promise.reject(error), 1_000);
    expect(outcome).toEqual({ ended: "failed", error });
    expect(runtime.sleeping).toEqual([]);
  });

  it("is late after its time, not before", async () => {
    const runtime = new ManualRuntime();
    const waiting = vi.fn<(outcome: unknown) => void>();
    void bounded(runtime, never(), 1_000).then(waiting);
    await runtime.advance(999);
    expect(waiting).not.toHaveBeenCalled();
    await runtime.advance(1);
    expect(waiting).toHaveBeenCalledWith({ ended: "late" });
  });

  it("ends at once when the signal aborts, and leaves no timer and no listener", async () => {
    const runtime = new ManualRuntime();
    const { controller, listeners } = spied();
    const outcome = bounded(runtime, never(), 1_000, controller.signal);
    controller.abort();
    expect(await outcome).toEqual({ ended: "aborted" });
    expect(runtime.sleeping).toEqual([]);
    expect(listeners()).toBe(0);
  });

  it("does not wait with an aborted signal", async () => {
    const runtime = new ManualRuntime();
    const outcome = await bounded(runtime, never(), 1_000, AbortSignal.abort());
    expect(outcome).toEqual({ ended: "aborted" });
    expect(runtime.sleeping).toEqual([]);
  });

  it("silently drops a failure that comes too late", async () => {
    const runtime = new ManualRuntime();
    const { promise, reject } = Promise.withResolvers<never>();
    const outcome = bounded(runtime, promise, 10);
    await runtime.advance(10);
    expect(await outcome).toEqual({ ended: "late" });
    reject(new Error("too late"));
    await runtime.advance(1);
  });
});

describe("linked signals", () => {
  it("abort with the first of several, and detach from the others", () => {
    const [one, other] = [spied(), spied()];
    const linked = linkSignals([one.controller.signal, undefined, other.controller.signal]);
    other.controller.abort();
    expect(linked.signal.aborted).toBe(true);
    expect([one.listeners(), other.listeners()]).toEqual([0, 0]);
  });

  it("are aborted from the start when a source is, and leave no listener", () => {
    const { controller, listeners } = spied();
    const linked = linkSignals([AbortSignal.abort(), controller.signal]);
    expect(linked.signal.aborted).toBe(true);
    expect(listeners()).toBe(0);
  });

  it("can be detached, even twice, without touching their sources", () => {
    const { controller, listeners } = spied();
    const linked = linkSignals([controller.signal]);
    expect(listeners()).toBe(1);
    linked.abort();
    linked.abort();
    expect(controller.signal.aborted).toBe(false);
    expect(listeners()).toBe(0);
  });
});
