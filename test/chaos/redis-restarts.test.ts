import { describe, expect, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { usePatient } from "./own-redis.ts";

/** Renewed after 300 ms. */
const LIVELY = { ttl: 1_500, autoRenew: { intervalFraction: 0.2 } };
/** Whoever waits for a restart must not give up before. */
const PATIENT = { requestTimeout: 20_000 };

describe.skipIf(onlyBorrowedRedis)("Redis is restarted, and has forgotten everything,", () => {
  const open = usePatient();

  it("in the middle of a hold: the holder learns it, and the next fence is higher", async () => {
    const { locks, redis, isStored } = open();
    const service = locks();
    const lock = await service.acquire("a", LIVELY);
    await redis.restart();
    await eventually("it is lost", () => lock.signal.aborted);
    expect(lock.signal.reason).toMatchObject({ code: "LOCK_LOST" });
    expect(() => lock.assertHeld()).toThrow(/was lost/);
    const next = await service.acquire("a");
    expect(next.fence).toBeGreaterThan(Number(lock.fence));
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    expect(await isStored("a"), "the next holder's lock").toBe(true);
    await next.release();
  });

  it("in the middle of a hold, and another takes the lock before the holder has noticed: fences order the two", async () => {
    const { locks, redis } = open();
    const first = await locks().acquire("a", { ttl: 60_000 });
    await redis.restart();
    // The front may have to connect anew, which a first request learns.
    const second = await locks({}, PATIENT).acquire("a", { ttl: 60_000 });
    expect(second.fence).toBeGreaterThan(Number(first.fence));
    expect(await first.isHeld()).toBe(false);
    expect(first.signal.aborted).toBe(true);
    await expect(first.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await second.release();
  });

  it("in the middle of a wait: the waiter gets the lock", async () => {
    const { locks, redis, session, events } = open();
    const holder = await locks().acquire("a", { ttl: 60_000 });
    const waiter = locks({ retry: { initialDelay: 10, maxDelay: 20 } }, PATIENT);
    const waiting = waiter.acquire("a", { waitTimeout: 20_000 });
    await eventually("it waits", () => events.some(({ type }) => type === "busy"));
    const { opened, open: letGo } = gate();
    const gated = session.faults.add({ kind: "delay-request", script: "acquire", until: opened });
    await redis.restart();
    gated();
    letGo();
    const lock = await waiting;
    expect(lock.fence).toBeGreaterThan(Number(holder.fence));
    await expect(holder.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await lock.release();
  });

  it("in the middle of a release: nobody is told that the lock was held to the end", async () => {
    const { locks, redis, session } = open();
    const { opened, open: letGo } = gate();
    session.faults.add({ kind: "delay-request", script: "release", until: opened });
    const service = locks({}, PATIENT);
    const lock = await service.acquire("a");
    const released = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    let isDone = false;
    const work = (): string => {
      isDone = true;
      return "result";
    };
    const worked = expect(service.withLock("b", work)).rejects.toMatchObject({
      code: "LOCK_LOST",
      result: "result",
    });
    await eventually("the work is done", () => isDone);
    await eventually("both releases are on their way", () => releases(session) === 2);
    await redis.restart();
    letGo();
    await Promise.all([released, worked]);
  });
});

function releases({ counters }: { counters: { byScript: Record<string, number> } }): number {
  return counters.byScript["release"] ?? 0;
}

describe.skipIf(onlyBorrowedRedis)("while Redis is away", () => {
  const open = usePatient();

  it("a holder believes no longer than its TTL, nobody gets in, and all are told that there is no answer", async () => {
    const { locks, redis } = open();
    const service = locks({}, { requestTimeout: 500 });
    const lock = await service.acquire("a", { ttl: 1_000 });
    await redis.stop();
    const noAnswer = { code: "LOCK_DATABASE", applied: "unknown", retriable: true };
    await expect(service.tryAcquire("b")).rejects.toMatchObject({
      code: "LOCK_ACQUISITION",
      reason: "error",
      cause: { ...noAnswer, message: expect.stringContaining("Redis cannot be reached") },
    });
    await expect(service.isLocked("a")).rejects.toMatchObject(noAnswer);
    await expect(service.forceRelease("a")).rejects.toMatchObject(noAnswer);
    await eventually("it is lost", () => lock.signal.aborted, 5_000);
    await expect(lock.extend(1_000)).rejects.toMatchObject({
      code: "LOCK_EXTENSION",
      cause: { code: "LOCK_LOST" },
    });
    await redis.restart();
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    const next = await locks().acquire("a");
    expect(next.fence).toBeGreaterThan(Number(lock.fence));
    await next.release();
  });

  it("a release is reported as unconfirmed after two sends, and goes on until the TTL has passed", async () => {
    const { locks, redis, session, pledges, events } = open();
    const service = locks({}, { requestTimeout: 500 });
    const lock = await service.acquire("a", { ttl: 1_000, autoRenew: false });
    const other = await service.acquire("b", { ttl: 60_000 });
    await redis.stop();
    await expect(lock.release()).rejects.toMatchObject({
      code: "LOCK_RELEASE_UNKNOWN",
      cause: { applied: "unknown" },
    });
    expect(releases(session)).toBe(2);
    await expect(other.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    await redis.restart();
    await Promise.all(pledges);
    expect(events.filter(({ type }) => type === "releaseFailed").length).toBeGreaterThan(3);
  });

  it("a waiter gets its lock when Redis comes back within its patience", async () => {
    const { locks, redis, session } = open();
    await redis.stop();
    const { opened, open: letGo } = gate();
    session.faults.add({ kind: "delay-request", script: "acquire", until: opened });
    const acquiring = locks({}, PATIENT).acquire("a", { waitTimeout: 20_000 });
    await redis.restart();
    letGo();
    await (await acquiring).release();
  });
});
