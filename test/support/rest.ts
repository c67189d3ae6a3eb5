import { randomUUID } from "node:crypto";
import type { Redis } from "@upstash/redis";
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import type { RestSession } from "../../dev/rest/session.ts";
import { escapeGlob } from "../../src/database/listing.ts";
import {
  LockService,
  RedisDatabase,
  systemRuntime,
  type LockServiceOptions,
  type RedisDatabaseOptions,
} from "../../src/index.ts";
import { countingRuntime } from "./counting-runtime.ts";
import { restRedis } from "./rest-redis.ts";
import { loadScripts } from "./scripts.ts";

/** How long tombstones last in tests: long enough to take effect, short enough to wait for. */
export const GRACE_MS = 30_000;

/** One client of the REST front, with its own keys, counters and faults. */
export interface Rest {
  readonly session: RestSession;
  /** Prefix of every key of this test. */
  readonly prefix: string;
  /** A client that sends each command once. */
  readonly redis: Redis;
  /** Runs a command that bypasses counters and faults, to look or to interfere. */
  command(...command: (string | number)[]): Promise<unknown>;
  database(options?: RedisDatabaseOptions): RedisDatabase;
  locks(options?: Partial<LockServiceOptions>): LockService;
  /** The promises that the services of `locks()` gave to `waitUntil`. */
  readonly pledges: Promise<unknown>[];
  /** The library's pending sleeps. */
  readonly pendingSleeps: () => number;
}

/**
 * Gives each test of a file its own session, and checks after each test that nothing is left behind:
 * no pending timer, and no key but `fence` and those that expire within the grace period.
 */
export function useRest(): { readonly open: () => Rest } {
  let front: RestFront | undefined;
  let admin: RestSession | undefined;
  const opened: Rest[] = [];
  beforeAll(async () => {
    await loadScripts(inject("redisUrl"));
    front = await startRestFront({ redisUrl: inject("redisUrl") });
    admin = front.openSession();
  });
  afterAll(async () => {
    await front?.stop();
  });
  afterEach(async () => {
    for (const rest of opened.splice(0)) {
      rest.session.faults.clear();
      expect(
        await settledInTime(rest.pledges),
        "every promise given to waitUntil has settled",
      ).toBe(true);
      await rest.session.settled();
      await expectNothingLeft(rest);
      rest.session.close();
    }
  });
  return {
    open() {
      if (front === undefined || admin === undefined) throw new Error("open() before beforeAll");
      const rest = openRest(front.openSession(), clientOf(admin));
      opened.push(rest);
      return rest;
    },
  };
}

/** Ends only what hangs: on a busy machine an answer may take long. */
const CLIENT_TIMEOUT_MS = 20_000;

function clientOf({ url, token }: RestSession): Redis {
  return restRedis({ url, token }, CLIENT_TIMEOUT_MS);
}

function openRest(session: RestSession, admin: Redis): Rest {
  const prefix = `{${randomUUID()}}`;
  const redis = clientOf(session);
  const { runtime, pending } = countingRuntime();
  const pledges: Promise<unknown>[] = [];
  const database = (options: RedisDatabaseOptions = {}): RedisDatabase =>
    new RedisDatabase(redis, { prefix, runtime, gracePeriod: GRACE_MS, ...options });
  return {
    session,
    prefix,
    redis,
    pledges,
    pendingSleeps: pending,
    database,
    command: (name, ...args) => admin.exec([String(name), ...args]),
    locks: (options = {}) =>
      new LockService({
        database: database(),
        runtime,
        waitUntil: (promise) => void pledges.push(promise),
        ...options,
      }),
  };
}

/** A failed test may still hold a lock, and keep its waitUntil promise pending, for a quarter of an hour. */
async function settledInTime(pledges: readonly Promise<unknown>[]): Promise<boolean> {
  const end = new AbortController();
  const late = systemRuntime.sleep(15_000, end.signal).then(() => false);
  const settled = Promise.all(pledges).then(() => true);
  return Promise.race([settled, late]).finally(() => end.abort());
}

async function expectNothingLeft(rest: Rest): Promise<void> {
  const { prefix, pendingSleeps } = rest;
  expect(pendingSleeps(), "pending sleeps").toBe(0);
  const keys = (await rest.command("KEYS", `${escapeGlob(prefix)}*`)) as string[];
  for (const key of keys) {
    // What is remembered of a job is to be there for long.
    if (key === `${prefix}fence` || key.startsWith(`${prefix}done:`)) continue;
    const ttl = Number(await rest.command("PTTL", key));
    expect(key.slice(prefix.length), "a key left behind").toMatch(/^gone:/);
    expect(ttl, `PTTL of ${key}`).toBeGreaterThan(0);
    expect(ttl, `PTTL of ${key}`).toBeLessThanOrEqual(GRACE_MS);
  }
}
