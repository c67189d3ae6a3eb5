import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { LockLostError, type LockEvent } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

it("the signal aborts by itself before Redis can grant the lock to another, while every renewal fails", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  rest.session.faults.add({ kind: "drop-request", script: "renew" });
  const lock = await rest.locks().acquire("a", { ttl: 1_500 });
  // Read once: reading lock.signal checks the clock, but here the timer must do it.
  const { signal } = lock;
  await eventually("the key has expired in Redis", async () => (await stored.pttl()) < 0);
  // Timers that were due when the key expired have fired by then.
  await sleep(1);
  expect(signal.aborted).toBe(true);
  expect(signal.reason).toBeInstanceOf(LockLostError);
  expect(signal.reason).toMatchObject({ lockKey: "a", code: "LOCK_LOST" });
  await lock[Symbol.asyncDispose]();
});

it("the signal aborts at the margin and not before, without renewal", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const events: LockEvent[] = [];
  const locks = rest.locks({ runtime: clock });
  locks.events.subscribe((event) => events.push(event));
  const lock = await locks.acquire("a", { ttl: 30_000, autoRenew: false });
  const { signal } = lock;
  await clock.advance(29_399);
  expect(signal.aborted).toBe(false);
  await clock.advance(1);
  expect(signal.aborted).toBe(true);
  expect(events.filter(({ type }) => type === "lost")).toEqual([
    { type: "lost", keys: ["a"], token: lock.token, trace: undefined, error: signal.reason },
  ]);
  await lock.release();
});

it("validity counts from before the send: a slow answer uses up part of it", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const { opened, open } = gate();
  rest.session.faults.add({ kind: "delay-response", script: "acquire", times: 1, until: opened });
  const start = clock.wall;
  const acquiring = rest
    .locks({ runtime: clock, database: rest.database({ requestTimeout: 20_000 }) })
    .acquire("a", { ttl: 30_000, autoRenew: false });
  await eventually("Redis has it", async () => (await new StoredLock(rest, "a").pttl()) > 0);
  await clock.advance(10_000);
  open();
  const lock = await acquiring;
  expect(lock.acquiredAt.getTime()).toBe(start);
  expect(lock.expiresAt.getTime()).toBe(start + 30_000);
  await clock.advance(19_399);
  lock.assertHeld();
  await clock.advance(1);
  expect(() => lock.assertHeld()).toThrow(LockLostError);
  await lock.release();
});

it("an acquire answered after its validity has passed fails, and is rolled back", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const { opened, open } = gate();
  rest.session.faults.add({ kind: "delay-response", script: "acquire", times: 1, until: opened });
  const acquiring = rest
    .locks({ runtime: clock, database: rest.database({ requestTimeout: 60_000 }) })
    .acquire("a", { ttl: 30_000 });
  acquiring.catch(() => {});
  const stored = new StoredLock(rest, "a");
  await eventually("Redis has it", async () => (await stored.pttl()) > 0);
  await clock.advance(29_400);
  open();
  await expect(acquiring).rejects.toMatchObject({
    code: "LOCK_ACQUISITION",
    reason: "error",
    message: expect.stringContaining("too short for the round trip"),
  });
  await Promise.all(rest.pledges);
  expect(await stored.record()).toBeNull();
  expect(rest.session.counters.byScript["release"]).toBe(1);
});

it("a renewal counts from when it was sent, not from when it was answered", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const { session } = rest;
  const { opened, open } = gate();
  session.faults.add({ kind: "delay-response", script: "renew", times: 1, until: opened });
  const renewed: LockEvent[] = [];
  const locks = rest.locks({ runtime: clock });
  locks.events.subscribe((event) => event.type === "renewed" && renewed.push(event));
  const start = clock.wall;
  const lock = await locks.acquire("a", { ttl: 30_000 });
  await clock.advance(10_000);
  await eventually("the renewal was sent", () => session.counters.byScript["renew"] === 1);
  await clock.advance(5_000);
  open();
  await eventually("the renewal is answered", () => renewed.length === 1);
  lock.stopAutoRenew();
  expect(lock.expiresAt.getTime()).toBe(start + 40_000);
  const identity = { keys: ["a"], token: lock.token, trace: undefined };
  const expiresAt = new Date(start + 40_000);
  expect(renewed).toEqual([{ type: "renewed", ...identity, expiresAt }]);
  await lock.release();
});

it.each<[string, (stored: StoredLock) => Promise<void>]>([
  ["was taken by another", (stored) => stored.steal()],
  ["vanished", (stored) => stored.vanish()],
  ["has lost its process record", (stored) => stored.killHolder()],
  ["has another fence", (stored) => stored.refence(1)],
])("a renewal that finds that the lock %s ends it, and does not resurrect it", async (...a) => {
  const [, interfere] = a;
  const rest = rests.open();
  const clock = new ManualRuntime();
  const stored = new StoredLock(rest, "a");
  const events: LockEvent[] = [];
  const locks = rest.locks({ runtime: clock });
  locks.events.subscribe((event) => events.push(event));
  const lock = await locks.acquire("a", { ttl: 30_000 });
  const { signal } = lock;
  await interfere(stored);
  const found = await stored.record();
  await clock.advance(10_000);
  await eventually("the loss is noticed", () => signal.aborted);
  expect(events.map(({ type }) => type)).toEqual(["acquired", "lost"]);
  expect(lock.isAutoRenewing).toBe(false);
  expect(await stored.record()).toEqual(found);
  await clock.advance(60_000);
  expect(rest.session.counters.byScript["renew"]).toBe(1);
  await lock[Symbol.asyncDispose]();
  await stored.vanish();
});
