import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { type LockEvent, type LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** The times of all events of one type. */
function heard(locks: LockService, type: LockEvent["type"], clock: ManualRuntime): number[] {
  const times: number[] = [];
  locks.events.subscribe((event) => event.type === type && times.push(clock.monotonic));
  return times;
}

// A machine that stalls for two seconds loses the lock, and rightly so.
it("a lock with a TTL of three seconds is kept for seven", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  await using lock = await rest.locks().acquire("a", { ttl: 3_000 });
  await sleep(7_000);
  lock.assertHeld();
  expect(await lock.isHeld()).toBe(true);
  expect(await stored.record()).toMatchObject({ ownerHash: lock.token, fence: lock.fence });
  expect(rest.session.counters.byScript["renew"]).toBeGreaterThanOrEqual(4);
  expect(rest.session.counters.byScript["renew"]).toBeLessThanOrEqual(11);
});

it("renewals are sent every third of the TTL, and validity counts from then on", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock });
  const renewed = heard(locks, "renewed", clock);
  const lock = await locks.acquire("a", { ttl: 30_000 });
  const start = clock.monotonic;
  for (const round of [1, 2, 3, 4, 5]) {
    await clock.advance(10_000);
    await eventually("it is renewed", () => renewed.length === round);
    expect(lock.expiresAt.getTime()).toBe(clock.wall + 30_000);
  }
  expect(renewed).toEqual([1, 2, 3, 4, 5].map((round) => start + round * 10_000));
  lock.assertHeld();
  await lock.release();
});

it("renewals are sent at the fraction of the TTL set by autoRenew.intervalFraction", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const lock = await rest
    .locks({ runtime: clock, autoRenew: { intervalFraction: 0.5 } })
    .acquire("a", { ttl: 30_000 });
  await clock.advance(14_999);
  expect(rest.session.counters.byScript["renew"]).toBeUndefined();
  await clock.advance(1);
  await eventually("it is renewed", () => rest.session.counters.byScript["renew"] === 1);
  await lock.release();
});

it("a failed renewal is retried long before the next is due, at least 200 ms apart", async () => {
  const rest = rests.open();
  const { session } = rest;
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock });
  const failed = heard(locks, "renewalFailed", clock);
  const renewed = heard(locks, "renewed", clock);
  session.faults.add({ kind: "drop-request", script: "renew", times: 3 });
  const lock = await locks.acquire("a", { ttl: 30_000 });
  await clock.advance(10_000);
  for (const [index, pauseMs] of [200, 200, 400].entries()) {
    await eventually("it has failed", () => failed.length === index + 1);
    await clock.advance(pauseMs - 1);
    expect(session.counters.byScript["renew"]).toBe(index + 1);
    await clock.advance(1);
  }
  await eventually("it is renewed", () => renewed.length === 1);
  lock.assertHeld();
  await lock.release();
});

it("a renewal that hangs is overtaken by the next, in time to keep the lock", async () => {
  const rest = rests.open();
  const { session } = rest;
  const clock = new ManualRuntime();
  const { opened, open } = gate();
  const database = rest.database({ requestTimeout: 20_000 });
  const locks = rest.locks({ runtime: clock, database });
  const renewed = heard(locks, "renewed", clock);
  session.faults.add({ kind: "delay-request", script: "renew", times: 1, until: opened });
  const lock = await locks.acquire("a", { ttl: 30_000 });
  await clock.advance(10_000);
  await eventually("the first was sent", () => session.counters.byScript["renew"] === 1);
  await clock.advance(10_000);
  await eventually("the second is answered", () => renewed.length === 1);
  await clock.advance(9_000);
  lock.assertHeld();
  open();
  await lock.release();
});

it("maxHold stops the renewals with an event, and the lock expires with its TTL", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock, autoRenew: { maxHold: 25_000 } });
  const ended = heard(locks, "maxHold", clock);
  const renewed = heard(locks, "renewed", clock);
  const start = clock.monotonic;
  const lock = await locks.acquire("a", { ttl: 30_000 });
  for (const round of [1, 2]) {
    await clock.advance(10_000);
    await eventually("it is renewed", () => renewed.length === round);
  }
  expect(lock.isAutoRenewing).toBe(true);
  await clock.advance(10_000);
  expect(ended).toEqual([start + 30_000]);
  expect(lock.isAutoRenewing).toBe(false);
  lock.assertHeld();
  await clock.advance(19_399);
  lock.assertHeld();
  await clock.advance(1);
  expect(lock.signal.aborted).toBe(true);
  expect(rest.session.counters.byScript["renew"]).toBe(2);
  await lock.release();
});

it("all locks of a bound service are renewed in one command per tick", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock }).forRequest({});
  const held = [
    await locks.acquire("a"),
    await locks.acquire("b"),
    await locks.acquire(["c", "d"]),
  ];
  await clock.advance(10_000);
  await eventually("all are renewed", () =>
    held.every((lock) => lock.expiresAt.getTime() === clock.wall + 30_000),
  );
  expect(rest.session.counters.byScript["renew"]).toBe(1);
  for (const lock of held) await lock.release();
});

it("a service that is not bound to a request renews each lock by itself", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock });
  const held = [await locks.acquire("a"), await locks.acquire("b")];
  await clock.advance(10_000);
  await eventually("all are renewed", () =>
    held.every((lock) => lock.expiresAt.getTime() === clock.wall + 30_000),
  );
  expect(rest.session.counters.byScript["renew"]).toBe(2);
  for (const lock of held) await lock.release();
});

it("a lost lock among several in one bound service does not disturb the others", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock }).forRequest({});
  const [one, lost, other] = [
    await locks.acquire("a"),
    await locks.acquire("b"),
    await locks.acquire("c"),
  ];
  await new StoredLock(rest, "b").vanish();
  await clock.advance(10_000);
  await eventually("the loss is noticed", () => lost.signal.aborted);
  for (const round of [2, 3]) {
    await clock.advance(10_000);
    await eventually("the rest is renewed", () => {
      const { byScript } = rest.session.counters;
      return byScript["renew"] === round && other.expiresAt.getTime() === clock.wall + 30_000;
    });
  }
  expect([one.signal.aborted, other.signal.aborted]).toEqual([false, false]);
  expect([await one.isHeld(), await lost.isHeld(), await other.isHeld()]).toEqual([
    true,
    false,
    true,
  ]);
  for (const lock of [one, lost, other]) await lock[Symbol.asyncDispose]();
});

it("a new lock in a bound service does not wait for the pause of an older, longer one", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock }).forRequest({});
  const long = await locks.acquire("a", { ttl: 300_000 });
  const short = await locks.acquire("b", { ttl: 3_000 });
  await clock.advance(1_000);
  await eventually("it is renewed", () => short.expiresAt.getTime() === clock.wall + 3_000);
  await short.release();
  await long.release();
});

it("a lock acquired after a failed renewal is not renewed early", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const locks = rest.locks({ runtime: clock }).forRequest({});
  const failed = heard(locks, "renewalFailed", clock);
  const first = await locks.acquire("a", { ttl: 30_000 });
  rest.session.faults.add({ kind: "drop-request", script: "renew", times: 1 });
  await clock.advance(10_000);
  await eventually("a renewal has failed", () => failed.length === 1);
  await first.release();
  await clock.advance(60_000);
  const second = await locks.acquire("b", { ttl: 30_000 });
  await clock.advance(9_999);
  await second.release();
  expect(rest.session.counters.byScript["renew"]).toBe(1);
});

it("a TTL too short for a renewal is not renewed", async () => {
  const rest = rests.open();
  // On a stopped clock no answer can be too late for such a short TTL.
  const locks = rest.locks({ runtime: new ManualRuntime() });
  const lock = await locks.acquire("a", { ttl: 250 });
  expect(lock.isAutoRenewing).toBe(false);
  await lock[Symbol.asyncDispose]();
});

it("nothing is renewed once the lock is released", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const lock = await rest.locks({ runtime: clock }).acquire("a");
  await lock.release();
  await clock.advance(120_000);
  expect(rest.session.counters.byScript["renew"]).toBeUndefined();
  expect(clock.sleeping).toEqual([]);
});
