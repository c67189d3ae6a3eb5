import { expect, it } from "vitest";
import { LockConfigurationError } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

it("a deadline caps the ttl, which shows on the lock and in Redis", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + 8_000);
  const lock = await rest.locks({ runtime: clock, deadline }).acquire("a", { ttl: 30_000 });
  const stored = new StoredLock(rest, "a");
  expect(lock.ttl).toBe(8_000);
  expect(lock.expiresAt).toEqual(deadline);
  expect(await stored.pttl()).toBeLessThanOrEqual(8_000);
  expect(await stored.procPttl()).toBeLessThanOrEqual(8_000);
  await lock.release();
});

it("a deadline far away changes nothing", async () => {
  const rest = rests.open();
  const deadline = new Date(Date.now() + 3_600_000);
  const lock = await rest.locks({ deadline }).acquire("a", { ttl: 20_000 });
  expect(lock.ttl).toBe(20_000);
  await lock.release();
});

it.each([
  ["is past", -1],
  ["is now", 0],
  ["leaves less than the shortest ttl", 99],
])("a deadline that %s fails before any I/O", async (_, leftMs) => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + leftMs);
  const locks = rest.locks({ runtime: clock }).forRequest({ deadline });
  for (const call of [locks.acquire("a"), locks.tryAcquire("a")]) {
    const error: unknown = await call.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockConfigurationError);
    expect(error).toMatchObject({ option: "deadline" });
    expect(String(error)).toContain(deadline.toISOString());
  }
  expect(rest.session.counters.requests).toBe(0);
  expect(rest.pledges).toEqual([]);
});

it("renewals and extend request nothing beyond the deadline", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + 35_000);
  const lock = await rest.locks({ runtime: clock, deadline }).acquire("a", { ttl: 30_000 });
  await clock.advance(10_000);
  await eventually("it is renewed", () => rest.session.counters.byScript["renew"] === 1);
  await eventually("the answer has arrived", () => lock.expiresAt.getTime() === deadline.getTime());
  await lock.extend(60_000);
  expect(lock.ttl).toBe(25_000);
  expect(lock.expiresAt).toEqual(deadline);
  expect(await new StoredLock(rest, "a").pttl()).toBeLessThanOrEqual(30_000);
  await lock.release();
});

it("extend after the deadline fails, and the lock can still be released", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + 8_000);
  const lock = await rest.locks({ runtime: clock, deadline }).acquire("a", { ttl: 30_000 });
  await clock.advance(8_001);
  const { requests } = rest.session.counters;
  await expect(lock.extend(1_000)).rejects.toMatchObject({ code: "LOCK_EXTENSION" });
  expect(rest.session.counters.byScript["extend"]).toBeUndefined();
  expect(rest.session.counters.requests).toBe(requests);
  await lock.release();
});

it("waiting stops early enough for one more attempt before the deadline", async () => {
  const rest = rests.open();
  await using held = await rest.locks().acquire("a");
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + 1_000);
  const locks = rest.locks({ runtime: clock, deadline });
  const retry = { initialDelay: 60_000, maxDelay: 60_000 };
  let refusals = 0;
  locks.events.subscribe(({ type }) => {
    if (type === "busy") refusals += 1;
  });
  const outcome = locks.acquire("a", { retry }).catch((thrown: unknown) => thrown);
  await eventually("it is refused", () => refusals === 1);
  await clock.advance(999);
  expect(await outcome).toMatchObject({ reason: "timeout", holder: held.token });
  expect(refusals).toBe(2);
});

it("forRequest keeps the service's deadline unless it is given another", async () => {
  const rest = rests.open();
  const clock = new ManualRuntime();
  const deadline = new Date(clock.wall + 8_000);
  const locks = rest.locks({ runtime: clock, deadline });
  const ttls: number[] = [];
  const nearer = { deadline: new Date(clock.wall + 5_000) };
  for (const service of [locks.forRequest({}), locks.forRequest(nearer)]) {
    ttls.push(await service.withLock("a", ({ ttl }) => ttl));
  }
  expect(ttls).toEqual([8_000, 5_000]);
});
