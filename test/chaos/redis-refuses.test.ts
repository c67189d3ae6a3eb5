import { describe, expect, it, onTestFinished } from "vitest";
import { systemRuntime } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { useRedisFixture } from "./redis-fixture.ts";

/** Outlasts any temporary failure. */
const LONG_LIVED = { ttl: 20_000, autoRenew: { intervalFraction: 0.05 } };

describe.skipIf(onlyBorrowedRedis)("Redis refuses commands:", () => {
  const open = useRedisFixture();

  /** A refusal that waiting will not change rejects at once, whatever the waitTimeout. */
  async function expectRejectedAtOnce(
    fixture: ReturnType<typeof open>,
    which: RegExp,
    waitTimeouts: readonly number[] = [0, 60_000],
  ): Promise<void> {
    const service = fixture.locks();
    fixture.session.counters.reset();
    for (const waitTimeout of waitTimeouts) {
      await expect(service.acquire("new", { waitTimeout })).rejects.toMatchObject({
        code: "LOCK_ACQUISITION",
        reason: "error",
        message: expect.stringMatching(which),
        cause: { code: "LOCK_DATABASE", applied: "no", retriable: false },
      });
    }
    // Counts acquires only: a lock held meanwhile may be renewed.
    expect(fixture.session.counters.byScript["acquire"]).toBe(waitTimeouts.length);
  }

  /** From now on Redis needs a password that the front does not have. */
  async function lockOut({ command, cut }: ReturnType<typeof open>): Promise<void> {
    await command("CONFIG", "SET", "requirepass", "secret");
    onTestFinished(async () => {
      await command("CONFIG", "SET", "requirepass", "");
      await cut();
    });
    await cut();
  }

  it("out of memory (OOM) rejects at once; a held lock is renewed and released", async () => {
    const fixture = open();
    const lock = await fixture.locks().acquire("a", LONG_LIVED);
    await fixture.command("CONFIG", "SET", "maxmemory", "1");
    onTestFinished(async () => void (await fixture.command("CONFIG", "SET", "maxmemory", "0")));
    await expectRejectedAtOnce(fixture, /OOM/);
    await lock.extend(30_000);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await fixture.isStored("a")).toBe(false);
  });

  it("a password set meanwhile (NOAUTH) rejects at once", async () => {
    const fixture = open();
    await lockOut(fixture);
    await eventually("the front has reconnected", async () => {
      const seen = await fixture.locks().isLocked("a").catch(String);
      return String(seen).includes("NOAUTH");
    });
    // Redis closes connections that send this much without authentication.
    await expectRejectedAtOnce(fixture, /NOAUTH|unauthenticated/, [60_000]);
    const service = fixture.locks();
    await expect(service.isLocked("a")).rejects.toMatchObject({ applied: "no", retriable: false });
  });

  it("a holder that is permanently refused (NOAUTH) loses its lock with its TTL, and learns why", async () => {
    const fixture = open();
    const lock = await fixture.locks().acquire("a", { ttl: 1_000 });
    await lockOut(fixture);
    await eventually("it is lost", () => lock.signal.aborted, 5_000);
    expect(fixture.events).toContainEqual(
      expect.objectContaining({
        type: "renewalFailed",
        error: expect.objectContaining({ message: expect.stringMatching(/auth/i) }),
      }),
    );
    await expect(lock.release()).rejects.toMatchObject({
      code: "LOCK_RELEASE_UNKNOWN",
      cause: { message: expect.stringMatching(/auth/i) },
    });
    await fixture.command("CONFIG", "SET", "requirepass", "");
    await fixture.cut();
    await eventually("it has expired", async () => !(await fixture.isStored("a")));
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
  });

  it("too many connections (max clients) rejects at once, and is recovered from", async () => {
    const fixture = open();
    const lock = await fixture.locks().acquire("a", { ttl: 60_000 });
    await fixture.command("CONFIG", "SET", "maxclients", "1");
    const open1000 = (): Promise<unknown> => fixture.command("CONFIG", "SET", "maxclients", "1000");
    onTestFinished(async () => void (await open1000()));
    await fixture.cut();
    await eventually("the front has to reconnect", async () => {
      return String(await fixture.locks().isLocked("a").catch(String)).includes("max number");
    });
    await expectRejectedAtOnce(fixture, /max number of clients/);
    await open1000();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("a primary demoted to replica (READONLY) is retried until the call's waitTimeout", async () => {
    const fixture = open();
    const lock = await fixture.locks().acquire("a", LONG_LIVED);
    await fixture.command("REPLICAOF", "127.0.0.1", "1");
    onTestFinished(async () => void (await fixture.command("REPLICAOF", "NO", "ONE")));
    const brief = fixture.locks();
    await expect(brief.tryAcquire("b")).rejects.toMatchObject({
      reason: "error",
      message: expect.stringContaining("READONLY"),
      cause: { applied: "no", retriable: true },
    });
    const acquiring = fixture.locks().acquire("b", { waitTimeout: 20_000 });
    const released = expect(lock.release()).rejects.toMatchObject({
      code: "LOCK_RELEASE_UNKNOWN",
      cause: { message: expect.stringContaining("READONLY") },
    });
    fixture.session.counters.reset();
    await eventually("it keeps retrying", () => {
      return (fixture.session.counters.byScript["acquire"] ?? 0) > 4;
    });
    await released;
    await fixture.command("REPLICAOF", "NO", "ONE");
    const late = await acquiring;
    await late.release();
    await Promise.all(fixture.pledges);
    expect(await fixture.isStored("a"), "released in the background").toBe(false);
  });

  it("a dataset that is being loaded (LOADING) is waited for, up to the waitTimeout", async () => {
    const fixture = open();
    const loading = { kind: "error-json", status: 400, error: "LOADING Redis is loading" } as const;
    fixture.session.faults.add({ ...loading, script: "acquire", times: 5 });
    const lock = await fixture.locks().acquire("a", { waitTimeout: 20_000 });
    expect(fixture.session.counters.byScript["acquire"]).toBe(6);
    fixture.session.faults.add({ ...loading, script: "renew", times: 1 });
    await lock.extend(30_000);
    fixture.session.faults.add({ ...loading, script: "release", times: 1 });
    await lock.release();
    fixture.session.faults.add({ ...loading });
    // With the longest pauses: a random one could end so near the deadline that a busy machine is late.
    const longest = fixture.locks({ runtime: { ...systemRuntime, random: () => 0 } });
    await expect(longest.acquire("a", { waitTimeout: 300 })).rejects.toMatchObject({
      reason: "error",
      message: expect.stringContaining("LOADING"),
      cause: { applied: "no", retriable: true },
    });
  });
});

describe.skipIf(onlyBorrowedRedis)("Redis is slow:", () => {
  const open = useRedisFixture();

  it("an acquire answered in time succeeds, and a lock survives a pause shorter than its TTL", async () => {
    const { locks, command } = open();
    const service = locks({}, { requestTimeout: 20_000 });
    await command("CLIENT", "PAUSE", 400, "ALL");
    const lock = await service.acquire("a", { ttl: 10_000, autoRenew: { intervalFraction: 0.05 } });
    await command("CLIENT", "PAUSE", 1_000, "ALL");
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("acquires that time out during a pause leave nothing behind after it", async () => {
    const { locks, command, pledges, isStored } = open();
    const service = locks({}, { requestTimeout: 200 });
    await command("CLIENT", "PAUSE", 1_200, "ALL");
    const unknown = { reason: "error", cause: { applied: "unknown" } };
    await Promise.all([
      expect(service.acquire("a", { waitTimeout: 200 })).rejects.toMatchObject(unknown),
      expect(service.tryAcquire(["a", "b"])).rejects.toMatchObject(unknown),
    ]);
    await Promise.all(pledges);
    expect([await isStored("a"), await isStored("b")]).toEqual([false, false]);
    await (await locks().acquire(["a", "b"])).release();
  });

  it("a pause beyond the TTL aborts the lock's signal before Redis can grant it to another", async () => {
    const { locks, command } = open();
    const lock = await locks({}, { requestTimeout: 200 }).acquire("a", { ttl: 700 });
    await command("CLIENT", "PAUSE", 1_500, "ALL");
    const next = await locks({}, { requestTimeout: 20_000 }).acquire("a", { waitTimeout: 20_000 });
    expect(lock.signal.aborted, "when the next client got it").toBe(true);
    expect(next.fence).toBeGreaterThan(Number(lock.fence));
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await next.release();
  });
});
