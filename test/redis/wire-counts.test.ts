import { Redis } from "@upstash/redis";
import { describe, expect, it } from "vitest";
import {
  LockService,
  RedisDatabase,
  systemRuntime,
  type LockServiceOptions,
  type Runtime,
} from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { TTL_MS, useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
const ONCE = { ttl: TTL_MS, autoRenew: false } as const;

describe.each([
  ["one command per request", false],
  ["auto-pipelining", true],
])("with %s", (_, enableAutoPipelining) => {
  function open(options: Partial<LockServiceOptions> = {}) {
    const scene = scenes.open();
    const { session, prefix, pledges } = scene.rest;
    const { url, token } = session;
    const redis = new Redis({ url, token, enableAutoPipelining, retry: { retries: 0 } });
    const database = new RedisDatabase(redis, { prefix });
    const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
    const locks = new LockService({ database, waitUntil, defaultTtl: TTL_MS, ...options });
    return { scene, database, locks, counters: session.counters };
  }

  it("an uncontended withLock costs 2 requests and 2 commands", async () => {
    const { locks, counters } = open();
    await locks.withLock("key", () => "done");
    expect(counters).toMatchObject({ requests: 2, commands: 2, applied: 2 });
    expect(counters.byScript).toEqual({ acquire: 1, release: 1 });
  });

  it("two keys together cost the same", async () => {
    const { locks, counters } = open();
    await locks.withLock(["a", "b"], () => "done");
    expect(counters).toMatchObject({ requests: 2, commands: 2, applied: 2 });
  });

  it("a renewal of ten locks of one request costs 1 request and 1 command", async () => {
    const { runtime, wake } = wakeableRuntime();
    const { locks, counters, scene } = open({ runtime });
    const waitUntil = (promise: Promise<unknown>): void => void scene.rest.pledges.push(promise);
    const bound = locks.forRequest({ waitUntil });
    const renewed: (readonly string[])[] = [];
    bound.events.subscribe((event) => event.type === "renewed" && renewed.push(event.keys));
    const names = Array.from({ length: 10 }, (__, at) => `key-${at}`);
    const held = await Promise.all(names.map((name) => bound.acquire(name)));
    counters.reset();
    wake();
    await eventually("all are renewed", () => renewed.length >= 10);
    expect(counters).toMatchObject({ requests: 1, commands: 1, applied: 1 });
    expect(counters.byScript).toEqual({ renew: 1 });
    expect(renewed.flat().toSorted()).toEqual(names.toSorted());
    await Promise.all(held.map((lock) => lock.release()));
  });

  it("a renewal of more than 100 locks is several commands, as Redis answers nobody during one", async () => {
    const { database, counters, scene } = open();
    const owner = scene.owner(["0", ...Array.from({ length: 249 }, (__, at) => `${at + 1}`)]);
    await owner.acquire();
    counters.reset();
    const requests = owner.claims.map(({ key, lockData }) => ({
      key,
      lockData: { ...lockData, ...(owner.fence === undefined ? {} : { fence: owner.fence }) },
      ttlMs: TTL_MS,
      livenessMs: TTL_MS,
    }));
    await scene.command("DEL", scene.lockKey("249"));
    const outcomes = await database.renew(requests);
    expect(outcomes).toEqual([...Array.from({ length: 249 }, () => "renewed"), "lost"]);
    expect(counters.byScript).toEqual({ renew: 3 });
    await owner.release();
  });

  it("a refusal by a lock of the service costs 1 request", async () => {
    const { locks, counters } = open();
    const lock = await locks.acquire("key", ONCE);
    counters.reset();
    expect(await locks.tryAcquire("key")).toBeNull();
    expect(counters).toMatchObject({ requests: 1, commands: 1 });
    await lock.release();
  });

  it("a refusal by a live holder whose lock may outlive it costs 2, and each later retry 1", async () => {
    const { locks, counters, scene } = open();
    const holder = scene.owner("key", { livenessMs: null });
    await holder.acquire({ ttlMs: 300_000, livenessMs: TTL_MS });
    counters.reset();
    expect(await locks.tryAcquire("key")).toBeNull();
    expect(counters).toMatchObject({ requests: 2, commands: 2 });
    counters.reset();
    const retry = { maxRetries: 3, initialDelay: 5, maxDelay: 5, jitter: false };
    await expect(locks.acquire("key", { retry })).rejects.toMatchObject({ reason: "timeout" });
    expect(counters).toMatchObject({ requests: 2 + 3, commands: 2 + 3 });
  });

  it("a takeover from a dead holder with a long TTL costs 2", async () => {
    const { locks, counters, scene } = open();
    const holder = scene.owner("key");
    await holder.acquire({ ttlMs: 300_000, livenessMs: TTL_MS });
    await scene.command("DEL", holder.procKey);
    counters.reset();
    const lock = await locks.acquire("key", ONCE);
    expect(counters).toMatchObject({ requests: 2, commands: 2 });
    expect(counters.byScript).toEqual({ acquire: 2 });
    await lock.release();
  });

  it("extend, isHeld and isLocked cost 1 each, forceRelease 2, assertHeld 0", async () => {
    const { locks, counters } = open();
    const lock = await locks.acquire("key", ONCE);
    const costs = async (work: () => unknown): Promise<number> => {
      counters.reset();
      await work();
      expect(counters.commands).toBe(counters.requests);
      return counters.requests;
    };
    expect(await costs(() => lock.extend(40_000))).toBe(1);
    expect(await costs(() => lock.isHeld())).toBe(1);
    expect(await costs(() => lock.assertHeld())).toBe(0);
    expect(await costs(() => locks.isLocked("free"))).toBe(1);
    expect(await costs(() => locks.forceRelease("free"))).toBe(1);
    expect(await costs(() => locks.forceRelease("key"))).toBe(2);
    expect(await costs(() => lock.release().catch(() => undefined))).toBe(1);
  });

  it(`ten operations of one tick are ten commands in ${enableAutoPipelining ? "one request" : "ten requests"}`, async () => {
    const { database, counters } = open();
    const names = Array.from({ length: 10 }, (__, at) => `key-${at}`);
    expect(await Promise.all(names.map((name) => database.inspect(name)))).toEqual(
      names.map(() => null),
    );
    expect(counters).toMatchObject({ requests: enableAutoPipelining ? 1 : 10, commands: 10 });
  });
});

/** The system runtime, whose pauses between renewals (a third of the TTL) end on wake(). */
function wakeableRuntime(): { readonly runtime: Runtime; readonly wake: () => void } {
  const pauses = new Set<() => void>();
  return {
    wake: () => {
      for (const end of pauses) end();
    },
    runtime: {
      ...systemRuntime,
      async sleep(ms, signal) {
        const isRenewalPause = ms > TTL_MS / 6 && ms < TTL_MS / 2;
        if (!isRenewalPause) {
          await systemRuntime.sleep(ms, signal);
          return;
        }
        const ended = new AbortController();
        const end = (): void => ended.abort();
        pauses.add(end);
        signal?.addEventListener("abort", end);
        if (signal?.aborted) end();
        await systemRuntime.sleep(ms, ended.signal);
        signal?.removeEventListener("abort", end);
        pauses.delete(end);
      },
    },
  };
}
