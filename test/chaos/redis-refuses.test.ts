import { describe, expect, it, onTestFinished } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { usePatient } from "./own-redis.ts";

/** Keeps a lock through anything that passes. */
const LASTING = { ttl: 20_000, autoRenew: { intervalFraction: 0.05 } };

describe.skipIf(onlyBorrowedRedis)("Redis refuses:", () => {
  const open = usePatient();

  /** A refusal that no waiting will change is told at once, whatever the patience. */
  async function expectToldAtOnce(
    patient: ReturnType<typeof open>,
    which: RegExp,
    patience: readonly number[] = [0, 60_000],
  ): Promise<void> {
    const service = patient.locks();
    patient.session.counters.reset();
    for (const waitTimeout of patience) {
      await expect(service.acquire("new", { waitTimeout })).rejects.toMatchObject({
        code: "LOCK_ACQUISITION",
        reason: "error",
        message: expect.stringMatching(which),
        cause: { code: "LOCK_DATABASE", applied: "no", retriable: false },
      });
    }
    // A lock that is held meanwhile may be renewed.
    expect(patient.session.counters.byScript["acquire"]).toBe(patience.length);
  }

  /** From now on the front has no password for it. */
  async function lockOut({ command, cut }: ReturnType<typeof open>): Promise<void> {
    await command("CONFIG", "SET", "requirepass", "secret");
    onTestFinished(async () => {
      await command("CONFIG", "SET", "requirepass", "");
      await cut();
    });
    await cut();
  }

  it("out of memory (OOM) is told at once; what is held is renewed and given back", async () => {
    const patient = open();
    const lock = await patient.locks().acquire("a", LASTING);
    await patient.command("CONFIG", "SET", "maxmemory", "1");
    onTestFinished(async () => void (await patient.command("CONFIG", "SET", "maxmemory", "0")));
    await expectToldAtOnce(patient, /OOM/);
    await lock.extend(30_000);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await patient.isStored("a")).toBe(false);
  });

  it("a password it did not have before (NOAUTH) is told at once", async () => {
    const patient = open();
    await lockOut(patient);
    await eventually("the front has connected anew", async () => {
      const seen = await patient.locks().isLocked("a").catch(String);
      return String(seen).includes("NOAUTH");
    });
    // Redis hangs up on who sends so much without a password.
    await expectToldAtOnce(patient, /NOAUTH|unauthenticated/, [60_000]);
    const service = patient.locks();
    await expect(service.isLocked("a")).rejects.toMatchObject({ applied: "no", retriable: false });
  });

  it("a holder that is refused for good (NOAUTH) loses its lock with its TTL, and is told why", async () => {
    const patient = open();
    const lock = await patient.locks().acquire("a", { ttl: 1_000 });
    await lockOut(patient);
    await eventually("it is lost", () => lock.signal.aborted, 5_000);
    expect(patient.events).toContainEqual(
      expect.objectContaining({
        type: "renewalFailed",
        error: expect.objectContaining({ message: expect.stringMatching(/auth/i) }),
      }),
    );
    await expect(lock.release()).rejects.toMatchObject({
      code: "LOCK_RELEASE_UNKNOWN",
      cause: { message: expect.stringMatching(/auth/i) },
    });
    await patient.command("CONFIG", "SET", "requirepass", "");
    await patient.cut();
    await eventually("it has expired", async () => !(await patient.isStored("a")));
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
  });

  it("a full house (max clients) is told at once, and passes", async () => {
    const patient = open();
    const lock = await patient.locks().acquire("a", { ttl: 60_000 });
    await patient.command("CONFIG", "SET", "maxclients", "1");
    const open1000 = (): Promise<unknown> => patient.command("CONFIG", "SET", "maxclients", "1000");
    onTestFinished(async () => void (await open1000()));
    await patient.cut();
    await eventually("the front has to connect anew", async () => {
      return String(await patient.locks().isLocked("a").catch(String)).includes("max number");
    });
    await expectToldAtOnce(patient, /max number of clients/);
    await open1000();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("a primary that became a replica (READONLY) is asked again until the call's patience ends", async () => {
    const patient = open();
    const lock = await patient.locks().acquire("a", LASTING);
    await patient.command("REPLICAOF", "127.0.0.1", "1");
    onTestFinished(async () => void (await patient.command("REPLICAOF", "NO", "ONE")));
    const brief = patient.locks();
    await expect(brief.tryAcquire("b")).rejects.toMatchObject({
      reason: "error",
      message: expect.stringContaining("READONLY"),
      cause: { applied: "no", retriable: true },
    });
    const acquiring = patient.locks().acquire("b", { waitTimeout: 20_000 });
    const released = expect(lock.release()).rejects.toMatchObject({
      code: "LOCK_RELEASE_UNKNOWN",
      cause: { message: expect.stringContaining("READONLY") },
    });
    patient.session.counters.reset();
    await eventually("it asks again and again", () => {
      return (patient.session.counters.byScript["acquire"] ?? 0) > 4;
    });
    await released;
    await patient.command("REPLICAOF", "NO", "ONE");
    const late = await acquiring;
    await late.release();
    await Promise.all(patient.pledges);
    expect(await patient.isStored("a"), "released in the background").toBe(false);
  });

  it("a dataset that is being loaded (LOADING) is waited for, as far as the patience goes", async () => {
    const patient = open();
    const loading = { kind: "error-json", status: 400, error: "LOADING Redis is loading" } as const;
    patient.session.faults.add({ ...loading, script: "acquire", times: 5 });
    const lock = await patient.locks().acquire("a", { waitTimeout: 20_000 });
    expect(patient.session.counters.byScript["acquire"]).toBe(6);
    patient.session.faults.add({ ...loading, script: "renew", times: 1 });
    await lock.extend(30_000);
    patient.session.faults.add({ ...loading, script: "release", times: 1 });
    await lock.release();
    patient.session.faults.add({ ...loading });
    await expect(patient.locks().acquire("a", { waitTimeout: 300 })).rejects.toMatchObject({
      reason: "error",
      message: expect.stringContaining("LOADING"),
      cause: { applied: "no", retriable: true },
    });
  });
});

describe.skipIf(onlyBorrowedRedis)("Redis is slow:", () => {
  const open = usePatient();

  it("an acquire that is answered in time succeeds, and a lock is kept through a pause below its TTL", async () => {
    const { locks, command } = open();
    const service = locks({}, { requestTimeout: 20_000 });
    await command("CLIENT", "PAUSE", 400, "ALL");
    const lock = await service.acquire("a", { ttl: 10_000, autoRenew: { intervalFraction: 0.05 } });
    await command("CLIENT", "PAUSE", 1_000, "ALL");
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
  });

  it("what is asked during a pause and given up leaves nothing behind after it", async () => {
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

  it("a pause beyond the TTL ends a lock before Redis could let another in", async () => {
    const { locks, command } = open();
    const lock = await locks({}, { requestTimeout: 200 }).acquire("a", { ttl: 700 });
    await command("CLIENT", "PAUSE", 1_500, "ALL");
    const next = await locks({}, { requestTimeout: 20_000 }).acquire("a", { waitTimeout: 20_000 });
    expect(lock.signal.aborted, "when the next one got in").toBe(true);
    expect(next.fence).toBeGreaterThan(Number(lock.fence));
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await next.release();
  });
});
