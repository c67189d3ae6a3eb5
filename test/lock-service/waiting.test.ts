import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { LockAcquisitionError, type LockEvent, type AcquireOptions } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { StoredLock, THIEF } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

interface Waiter {
  readonly clock: ManualRuntime;
  readonly outcome: Promise<unknown>;
  /** Resolves when this many refusals have come. */
  readonly refused: (times: number) => Promise<void>;
}

/** A client that waits for "a", on its own clock. */
function waiter(rest: Rest, options: AcquireOptions): Waiter {
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock });
  let refusals = 0;
  locks.events.subscribe(({ type }: LockEvent) => {
    if (type === "busy") refusals += 1;
  });
  const outcome = locks.acquire("a", options).catch((thrown: unknown) => thrown);
  const refused = async (times: number): Promise<void> => {
    await eventually(`${times} refusals`, () => refusals === times);
    // It goes to sleep after the event.
    await clock.advance(0);
  };
  return { clock, outcome, refused };
}

const PLAIN = { initialDelay: 100, multiplier: 2, jitter: false } as const;

describe("acquire of a held lock", () => {
  it("retries with growing pauses, and does not sleep after the last attempt", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    const { clock, outcome, refused } = waiter(rest, { retry: { ...PLAIN, maxRetries: 2 } });
    await refused(1);
    expect(clock.sleeping).toEqual([100]);
    await clock.advance(100);
    await refused(2);
    expect(clock.sleeping).toEqual([200]);
    await clock.advance(200);
    await refused(3);
    expect(clock.sleeping).toEqual([]);
    const error = await outcome;
    expect(error).toBeInstanceOf(LockAcquisitionError);
    expect(error).toMatchObject({ reason: "timeout", lockKey: "a", holder: held.token });
    expect(rest.session.counters.byScript["acquire"]).toBe(4);
  });

  it("succeeds as soon as it is free, with a fence above the holder's", async () => {
    const rest = rests.open();
    const held = await rest.locks().acquire("a");
    const { clock, outcome, refused } = waiter(rest, { retry: PLAIN });
    await refused(1);
    await held.release();
    await clock.advance(100);
    const lock = await outcome;
    if (lock instanceof Error) throw lock;
    expect(lock).toMatchObject({ key: "a", fence: (held.fence ?? 0) + 1 });
    await rest.locks().forceRelease("a");
    await (lock as typeof held)[Symbol.asyncDispose]();
  });

  it("is refused at once with reason `held` when retries are off", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal(60_000);
    const { outcome } = waiter(rest, { retry: { maxRetries: 0 } });
    const error = await outcome;
    expect(error).toMatchObject({ reason: "held", lockKey: "a", holder: `a@${THIEF}.0` });
    expect((error as LockAcquisitionError).remainingMs).toBeGreaterThan(50_000);
    expect(String(error)).not.toContain(THIEF);
    expect(rest.session.counters.byScript["acquire"]).toBe(1);
    await stored.vanish();
  });

  it("is refused at once with waitTimeout 0", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    held.assertHeld();
    expect(await waiter(rest, { waitTimeout: 0 }).outcome).toMatchObject({ reason: "held" });
  });

  it("with waitTimeout alone retries until then, with a last attempt at the end", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    held.assertHeld();
    const options = { waitTimeout: 1_000, retry: PLAIN };
    const { clock, outcome, refused } = waiter(rest, options);
    for (const [index, pause] of [100, 200, 400, 300].entries()) {
      await refused(index + 1);
      expect(clock.sleeping).toEqual([pause]);
      await clock.advance(pause);
    }
    await refused(5);
    expect(await outcome).toMatchObject({ reason: "timeout" });
    expect(clock.sleeping).toEqual([]);
  });

  it("with waitTimeout alone never sleeps for longer than 400 ms beside a lock that may be free", async () => {
    const rest = rests.open();
    const held = await rest.locks().acquire("a");
    const { clock, outcome, refused } = waiter(rest, { waitTimeout: 60_000 });
    for (const [index, pause] of [100, 200, 400, 400, 400].entries()) {
      await refused(index + 1);
      expect(clock.sleeping).toEqual([pause]);
      await clock.advance(pause);
    }
    await refused(6);
    await held.release();
    await clock.advance(400);
    const lock = (await outcome) as typeof held;
    expect(lock.fence).toBeGreaterThan(held.fence ?? Infinity);
    await lock.release();
  });

  it("with waitTimeout and retry.maxRetries ends with whichever comes first", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    held.assertHeld();
    const options = { waitTimeout: 60_000, retry: { ...PLAIN, maxRetries: 1 } };
    const { clock, outcome, refused } = waiter(rest, options);
    await refused(1);
    await clock.advance(100);
    await refused(2);
    expect(await outcome).toMatchObject({ reason: "timeout" });
  });

  it("sleeps no longer than the holder's remaining time plus jitter", async () => {
    const rest = rests.open();
    const held = await rest.locks().acquire("a", { ttl: 60_000, autoRenew: false });
    await new StoredLock(rest, "a").expireIn(5_000);
    const retry = { initialDelay: 60_000, maxDelay: 60_000, jitter: false };
    const { clock, outcome, refused } = waiter(rest, { retry: { ...retry, maxRetries: 1 } });
    clock.chance = 0.999;
    await refused(1);
    expect(clock.sleeping).toHaveLength(1);
    expect(clock.sleeping[0]).toBeLessThanOrEqual(5_000 + 1 + 50);
    await clock.advance(60_000);
    expect(await outcome).toMatchObject({ reason: "timeout" });
    await held.release();
  });

  it("waits for a holder without expiry with plain backoff", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await rest.command("SET", stored.name, "no record");
    const { clock, outcome, refused } = waiter(rest, { retry: { ...PLAIN, maxRetries: 1 } });
    await refused(1);
    expect(clock.sleeping).toEqual([100]);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ reason: "timeout", remainingMs: null, holder: null });
    await stored.vanish();
  });
});

describe("an abort", () => {
  it("before the call sends nothing", async () => {
    const rest = rests.open();
    const reason = new Error("the client has left");
    const { outcome } = waiter(rest, { signal: AbortSignal.abort(reason) });
    expect(await outcome).toMatchObject({ reason: "aborted", cause: reason });
    expect(rest.session.counters.requests).toBe(0);
    await Promise.all(rest.pledges);
  });

  it("wakes a waiter at once, and leaves no listener and no timer", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    held.assertHeld();
    const controller = new AbortController();
    const { signal } = controller;
    const { clock, outcome, refused } = waiter(rest, { signal, retry: PLAIN });
    await refused(1);
    expect(clock.sleeping).toEqual([100]);
    const reason = new Error("the client has left");
    controller.abort(reason);
    expect(await outcome).toMatchObject({ reason: "aborted", cause: reason });
    expect(clock.sleeping).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(rest.session.counters.byScript["acquire"]).toBe(2);
  });

  it("of the service's signal wakes a waiter, too", async () => {
    const rest = rests.open();
    await using held = await rest.locks().acquire("a");
    held.assertHeld();
    const controller = new AbortController();
    const locks = rest.locks().forRequest({ signal: controller.signal });
    const busy = new Promise((resolve) => void locks.events.subscribe(resolve));
    const outcome = locks.acquire("a", { retry: { initialDelay: 60_000, maxDelay: 60_000 } });
    outcome.catch(() => {});
    await busy;
    controller.abort();
    await expect(outcome).rejects.toMatchObject({ reason: "aborted" });
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });

  it("leaves no listener behind a call that succeeded or was refused", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const { signal } = new AbortController();
    await using lock = await locks.acquire("a", { signal });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(await locks.tryAcquire("a", { signal })).toBeNull();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    lock.assertHeld();
  });
});

describe("tryAcquire", () => {
  it("is null for a held lock after one request, whatever the service's retries", async () => {
    const rest = rests.open();
    const locks = rest.locks({ retry: { maxRetries: 9 } });
    await using held = await locks.acquire("a");
    held.assertHeld();
    expect(await locks.tryAcquire("a")).toBeNull();
    expect(rest.session.counters.byScript["acquire"]).toBe(2);
  });

  it("never reads an outage as held", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-request", script: "acquire" });
    await expect(rest.locks().tryAcquire("a")).rejects.toMatchObject({ reason: "error" });
  });

  it("rejects, and is not null, when it is aborted", async () => {
    const signal = AbortSignal.abort();
    const trying = rests.open().locks().tryAcquire("a", { signal });
    await expect(trying).rejects.toMatchObject({ reason: "aborted" });
  });
});
