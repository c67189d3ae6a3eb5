import { expect, it } from "vitest";
import { LockService, systemRuntime, type Runtime } from "../../src/index.ts";
import { ManualRuntime, MemoryDatabase } from "../../src/testing/index.ts";

it("a further lock of a request does not look at those it holds already", async () => {
  const clock = new ManualRuntime();
  const sleeps: number[] = [];
  const runtime: Runtime = {
    now: () => clock.now(),
    random: () => clock.random(),
    randomId: () => clock.randomId(),
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return clock.sleep(ms, signal);
    },
  };
  const database = new MemoryDatabase({ runtime });
  const locks = new LockService({ database, runtime }).forRequest({});
  const held = [await locks.acquire("first", { ttl: 30_000 })];
  for (let count = 0; count < 20; count += 1) {
    held.push(await locks.acquire(`key-${count}`, { ttl: 30_000 }));
  }
  // The wait for the next renewal, after a third of the TTL, goes on as it was.
  expect(sleeps.filter((ms) => ms > 9_000 && ms <= 10_000)).toHaveLength(1);
  const sooner = await locks.acquire("sooner", { ttl: 3_000 });
  expect(sleeps.filter((ms) => ms > 900 && ms <= 1_000)).toHaveLength(1);
  for (const lock of [sooner, ...held]) await lock.release();
});

it("the renewal of a lock released meanwhile wakes no other before its own is due", async () => {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  const locks = new LockService({ database, runtime }).forRequest({});
  const renewed: number[] = [];
  locks.events.subscribe(({ type }) => type === "renewed" && renewed.push(runtime.now().monotonic));
  const start = runtime.now().monotonic;
  const long = await locks.acquire("long", { ttl: 30_000 });
  const short = await locks.acquire("short", { ttl: 3_000 });
  await short.release();
  await runtime.advance(10_000);
  expect(renewed).toEqual([start + 10_000]);
  await long.release();
});

it("a lock and its release build no DOMException", async () => {
  const signals: AbortSignal[] = [];
  const runtime: Runtime = {
    ...systemRuntime,
    sleep: (ms, signal, options) => {
      if (signal !== undefined) signals.push(signal);
      return systemRuntime.sleep(ms, signal, options);
    },
  };
  const database = new MemoryDatabase({ runtime });
  await new LockService({ database, runtime }).withLock("key", () => undefined);
  expect(signals.length).toBeGreaterThan(2);
  for (const { aborted, reason } of signals) {
    expect(aborted).toBe(true);
    expect(reason).not.toBeInstanceOf(DOMException);
  }
});
