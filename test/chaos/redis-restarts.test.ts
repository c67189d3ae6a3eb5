import { describe, expect, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { useRedisFixture } from "./redis-fixture.ts";

/** Renewed after 300 ms. */
const RENEWED_OFTEN = { ttl: 1_500, autoRenew: { intervalFraction: 0.2 } };
/** Does not time out during a restart. */
const LONG_TIMEOUT = { requestTimeout: 20_000 };

describe.skipIf(onlyBorrowedRedis)("Redis restarts and loses all data", () => {
  const open = useRedisFixture();

  it("during a hold: the holder notices, and the next fence is higher", async () => {
    const { locks, redis, isStored } = open();
    const service = locks();
    const lock = await service.acquire("a", RENEWED_OFTEN);
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

  it("during a hold, and another acquires the lock before the holder notices: fences order the two", async () => {
    const { locks, redis } = open();
    const first = await locks().acquire("a", { ttl: 60_000 });
    await redis.restart();
    // The front may have to reconnect, which the first request finds out.
    const second = await locks({}, LONG_TIMEOUT).acquire("a", { ttl: 60_000 });
    expect(second.fence).toBeGreaterThan(Number(first.fence));
    expect(await first.isHeld()).toBe(false);
    expect(first.signal.aborted).toBe(true);
    await expect(first.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await second.release();
  });

  it("during a wait: the waiter gets the lock", async () => {
    const { locks, redis, session, events } = open();
    const holder = await locks().acquire("a", { ttl: 60_000 });
    const waiter = locks({ retry: { initialDelay: 10, maxDelay: 20 } }, LONG_TIMEOUT);
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

  it("during a release: no caller is told that the lock was held to the end", async () => {
    const { locks, redis, session } = open();
    const { opened, open: letGo } = gate();
    session.faults.add({ kind: "delay-request", script: "release", until: opened });
    const service = locks({}, LONG_TIMEOUT);
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
    await eventually("both releases are in flight", () => releases(session) === 2);
    await redis.restart();
    letGo();
    await Promise.all([released, worked]);
  });
});

function releases({ counters }: { counters: { byScript: Record<string, number> } }): number {
  return counters.byScript["release"] ?? 0;
}

describe.skipIf(onlyBorrowedRedis)("while Redis is down", () => {
  const open = useRedisFixture();

  it("a holder believes it holds the lock no longer than its TTL, nobody acquires, and all calls report no answer", async () => {
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

  it("a release is reported as unconfirmed after two sends, and is retried until the TTL has passed", async () => {
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

  it("a waiter gets its lock when Redis comes back within its waitTimeout", async () => {
    const { locks, redis, session } = open();
    await redis.stop();
    const { opened, open: letGo } = gate();
    session.faults.add({ kind: "delay-request", script: "acquire", until: opened });
    const acquiring = locks({}, LONG_TIMEOUT).acquire("a", { waitTimeout: 20_000 });
    await redis.restart();
    letGo();
    await (await acquiring).release();
  });
});
