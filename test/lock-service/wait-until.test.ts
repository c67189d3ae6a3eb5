import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { LockConfigurationError, RedisDatabase, type LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { LoggingClient } from "../support/fault-clients.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

/** Whether the last promise given to waitUntil has settled; it must never reject. */
async function isSettled({ pledges }: Rest): Promise<boolean> {
  const pending = Symbol("pending");
  const last = pledges.at(-1);
  await turn();
  return (await Promise.race([last, turn(pending)])) !== pending;
}

describe("R10 waitUntil is called first:", () => {
  it.each(["acquire", "tryAcquire", "withLock"] as const)(
    "R10 %s passes its promise before the first byte is sent, once",
    async (method) => {
      const rest = rests.open();
      const log: string[] = [];
      const requests: number[] = [];
      const pledges: Promise<unknown>[] = [];
      const waitUntil = (promise: Promise<unknown>): void => {
        log.push("waitUntil");
        requests.push(rest.session.counters.requests);
        pledges.push(promise);
      };
      const redis = new LoggingClient(rest.redis, log);
      const database = new RedisDatabase(redis, { prefix: rest.prefix });
      const locks = rest.locks({ database, waitUntil });
      const methods = {
        acquire: async () => (await locks.acquire("a")).release(),
        tryAcquire: async () => (await locks.tryAcquire("a"))?.release(),
        withLock: async () => locks.withLock("a", () => undefined),
      };
      await methods[method]();
      expect(log).toEqual(["waitUntil", "acquire", "release"]);
      expect(requests).toEqual([0]);
      await Promise.all(pledges);
    },
  );

  it("R10 a waitUntil that throws, as outside of a request, is a configuration error, and nothing is sent", async () => {
    const rest = rests.open();
    const cause = new TypeError("Illegal invocation");
    const locks = rest.locks({
      waitUntil: () => {
        throw cause;
      },
    });
    const work = (): never => expect.fail("the work ran");
    for (const call of [locks.acquire("a"), locks.tryAcquire("a"), locks.withLock("a", work)]) {
      const error: unknown = await call.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockConfigurationError);
      expect(error).toMatchObject({ option: "waitUntil", cause });
    }
    expect(rest.session.counters.requests).toBe(0);
  });

  it("R10 the promise settles with the release, not before", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire("a");
    expect(rest.pledges).toHaveLength(1);
    expect(await isSettled(rest)).toBe(false);
    await lock.release();
    await Promise.all(rest.pledges);
  });

  it("R10 the promise covers waiting for a held lock, and settles when it is refused", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await stored.steal();
    const clock = new ManualRuntime();
    const locks = rest.locks({ runtime: clock, retry: { maxRetries: 1, jitter: false } });
    const refused = nextRefusal(locks);
    const outcome = locks.acquire("a").catch((thrown: unknown) => thrown);
    await refused;
    expect(await isSettled(rest)).toBe(false);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ reason: "timeout" });
    await Promise.all(rest.pledges);
    await stored.vanish();
  });

  it("R10 the promise covers the compensation of an acquire that was aborted in flight", async () => {
    const rest = rests.open();
    const { session } = rest;
    const controller = new AbortController();
    const { opened, open } = gate();
    session.faults.add({ kind: "delay-response", script: "acquire", until: opened });
    session.faults.add({ kind: "delay-request", script: "release", until: opened });
    const acquiring = rest.locks().acquire("a", { signal: controller.signal });
    acquiring.catch(() => {});
    const stored = new StoredLock(rest, "a");
    await eventually("Redis has it", async () => (await stored.pttl()) > 0);
    controller.abort();
    await expect(acquiring).rejects.toMatchObject({ reason: "aborted" });
    await eventually("it is rolled back", () => session.counters.byScript["release"] === 1);
    expect(await isSettled(rest)).toBe(false);
    open();
    await Promise.all(rest.pledges);
    expect(await stored.record()).toBeNull();
  });

  it("R10 the promise covers a release that is retried in the background", async () => {
    const rest = rests.open();
    const heal = rest.session.faults.add({ kind: "drop-request", script: "release" });
    const lock = await rest.locks().acquire("a");
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    expect(await isSettled(rest)).toBe(false);
    heal();
    await Promise.all(rest.pledges);
    expect(await new StoredLock(rest, "a").record()).toBeNull();
  });

  it("R10 the promise settles at maxHold + TTL if nobody releases", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const locks = rest.locks({ runtime: clock, autoRenew: { maxHold: 5_000 } });
    const lock = await locks.acquire("a", { ttl: 30_000 });
    await clock.advance(34_999);
    expect(lock.signal.aborted).toBe(true);
    expect(await isSettled(rest)).toBe(false);
    await clock.advance(1);
    expect(await isSettled(rest)).toBe(true);
    expect(clock.sleeping).toEqual([]);
    await lock.release();
  });

  it("R10 the promise outlives a loss: the work may still want to run its `finally`", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const locks = rest.locks({ runtime: clock, autoRenew: false });
    const lock = await locks.acquire("a", { ttl: 30_000 });
    await clock.advance(600_000);
    expect(lock.signal.aborted).toBe(true);
    expect(await isSettled(rest)).toBe(false);
    await lock[Symbol.asyncDispose]();
    await Promise.all(rest.pledges);
  });

  it("R10 the promise never rejects, whatever happens to the call", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-request" });
    const database = rest.database({ requestTimeout: 100 });
    const acquiring = rest.locks({ database }).acquire("a", { ttl: 100 });
    await expect(acquiring).rejects.toMatchObject({ reason: "error" });
    expect(await Promise.allSettled(rest.pledges)).toEqual([
      { status: "fulfilled", value: undefined },
    ]);
  });

  it("R10 a client that disconnects during the work changes nothing: the lock is released", async () => {
    const rest = rests.open();
    const { opened, open } = gate();
    // The platform drops the handler's promise, and keeps running only for what waitUntil was given.
    void rest.locks().withLock("a", () => opened);
    const stored = new StoredLock(rest, "a");
    await eventually("Redis has it", async () => (await stored.pttl()) > 0);
    open();
    await Promise.all(rest.pledges);
    expect(await stored.record()).toBeNull();
  });

  it("R10 each acquisition of a bound service has its own promise", async () => {
    const rest = rests.open();
    const locks = rest.locks().forRequest({});
    const [one, other] = [await locks.acquire("a"), await locks.acquire("b")];
    expect(rest.pledges).toHaveLength(2);
    await other.release();
    await rest.pledges[1];
    expect(await isSettled({ ...rest, pledges: rest.pledges.slice(0, 1) })).toBe(false);
    await one.release();
  });
});

describe("a service without waitUntil", () => {
  it("still acquires, renews and releases locks, and leaves no pending sleep", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const locks = rest.locks({ runtime: clock, waitUntil: undefined });
    const lock = await locks.acquire("a", { ttl: 30_000 });
    await clock.advance(10_000);
    await eventually("it is renewed", () => lock.expiresAt.getTime() === clock.wall + 30_000);
    await lock.release();
    await clock.advance(0);
    expect(clock.sleeping).toEqual([]);
    expect(rest.pledges).toEqual([]);
  });
});

function nextRefusal({ events }: LockService): Promise<void> {
  return new Promise((resolve) => {
    events.subscribe(({ type }) => type === "busy" && resolve());
  });
}
