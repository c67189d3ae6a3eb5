import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LockService, Locker, RedisDatabase, isLockError, lockedBy } from "../../src/index.ts";
import type { AcquireOptions, LockServiceOptions, RedisClient } from "../../src/index.ts";
import { withLock } from "../../src/hono/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import { hostileText, hostileValue, runs } from "../chaos/arbitraries.ts";

const RUNS = runs(400);
const anything = fc.oneof(hostileValue, hostileText, fc.integer());

/** Answers every request with success, and counts them. */
function alwaysSuccessful(): RedisClient & { asked: number } {
  return {
    asked: 0,
    eval() {
      this.asked += 1;
      return Promise.resolve(["SUCCESS", ["SUCCESS"], 0, "", 0]);
    },
  };
}

/** Grants every acquire, with a fence. */
function granter(): RedisClient & { asked: number } {
  const client = alwaysSuccessful();
  return {
    get asked() {
      return client.asked;
    },
    async eval(script, keys, args) {
      await client.eval(script, keys, args);
      if (script.includes("leasehold:acquire")) return "GRANTED 1";
      return script.includes("leasehold:release") ? "RELEASED" : ["SUCCESS", ["SUCCESS"]];
    },
  };
}

/** True if it threw a LockConfigurationError that names an option; rethrows every other error. */
async function isRefused(work: () => unknown): Promise<boolean> {
  try {
    await work();
    return false;
  } catch (error) {
    if (!isLockError(error, "LOCK_CONFIGURATION")) throw error;
    expect(error).toHaveProperty("option", expect.stringMatching(/./));
    expect(error.message.length).toBeLessThan(600);
    return true;
  }
}

/** Arbitrary values for some of the options, the rest left out. */
function wrong(...names: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const entries = names.map((name) => [name, anything] as const);
  return fc.record(Object.fromEntries(entries), { requiredKeys: [] });
}

const retry = fc.oneof(
  anything,
  wrong("maxRetries", "initialDelay", "maxDelay", "multiplier", "jitter"),
);
const autoRenew = fc.oneof(anything, wrong("enabled", "intervalFraction", "maxHold"));

describe("an option with any value works or is refused by name before anything is sent:", () => {
  it("of an acquisition", async () => {
    const client = granter();
    const locks = new LockService({ database: new RedisDatabase(client) });
    const options = fc.record(
      { ttl: anything, waitTimeout: anything, trace: anything, signal: anything, retry, autoRenew },
      { requiredKeys: [] },
    );
    const property = fc.asyncProperty(anything, fc.oneof(options, anything), async (key, given) => {
      const { asked } = client;
      const acquire = async (): Promise<void> => {
        const lock = await locks.acquire(key as string, given as AcquireOptions);
        await lock.release();
      };
      if (await isRefused(acquire)) expect(client.asked).toBe(asked);
    });
    await fc.assert(property, RUNS);
  });

  it("of an extension", async () => {
    const client = granter();
    const locks = new LockService({ database: new RedisDatabase(client) });
    const lock = await locks.acquire("a", { autoRenew: false });
    const property = fc.asyncProperty(anything, async (ttl) => {
      const { asked } = client;
      const isGood = Number.isInteger(ttl) && Number(ttl) >= 100 && Number(ttl) <= 300_000;
      expect(await isRefused(() => lock.extend(ttl as number))).toBe(!isGood);
      expect(client.asked).toBe(asked + (isGood ? 1 : 0));
    });
    await fc.assert(property, RUNS);
    await lock.release();
  });

  it("of a service, a database, a Locker, a guard, a locked function, an environment", async () => {
    const database = new RedisDatabase(granter());
    const makers: readonly ((given: never) => unknown)[] = [
      (given: LockServiceOptions) => new LockService({ ...given, database }),
      (given: LockServiceOptions) => new LockService(given),
      (given: object) => new RedisDatabase(granter(), given),
      (given: RedisClient) => new RedisDatabase(given),
      (given: object) => new Locker({ ...given, database }),
      (given: object) => withLock({ key: "a", ...given }),
      (given: { key: string }) => withLock(given),
      (given: object) => lockedBy(new LockService({ database }), { key: "a", ...given }, () => 1),
      (given: { key: string }) => lockedBy(new LockService({ database }), given, () => 1),
      (given: Record<string, unknown>) => upstash(given).inspect("a"),
    ];
    const some = fc.oneof(
      fc.record(
        { retry, autoRenew, waitUntil: anything, deadline: anything, signal: anything },
        { requiredKeys: [] },
      ),
      wrong("keyPrefix", "defaultTtl", "maxTtl", "ttl", "waitTimeout", "trace", "key", "status"),
      wrong("prefix", "keyLocking", "requestTimeout", "gracePeriod", "onLocked", "onLost", "hold"),
      wrong("reportWriteMs", "reportTtlMs", "lockRecheckMs", "lockExtendMs", "lockTtlMs"),
      wrong("release", "onUnavailable", "onLockFailed", "UPSTASH_REDIS_REST_URL"),
      wrong("UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN", "KV_REST_API_URL"),
    );
    const property = fc.asyncProperty(some, fc.constantFrom(...makers), async (given, make) => {
      await isRefused(() => make(given as never));
    });
    await fc.assert(property, runs(1_500));
  });
});

it("a key template takes any arguments: they form the key, or the call is refused", async () => {
  const keys: unknown[] = [];
  const source = {
    withLock: async (key: unknown, work: () => unknown) => {
      keys.push(key);
      return work();
    },
  } as unknown as LockService;
  const run = lockedBy(
    source,
    { key: "a:{0}:{1.name.first}" },
    (...args: unknown[]) => args.length,
  );
  const property = fc.asyncProperty(anything, anything, anything, async (one, two, first) => {
    const args = [one, fc.stringify(two).length % 2 === 0 ? two : { name: { first } }];
    keys.length = 0;
    if (await isRefused(() => run(...args))) expect(keys).toEqual([]);
    else expect(keys).toEqual([`a:${String(one)}:${String(first)}`]);
  });
  await fc.assert(property, RUNS);
});

it("no credential of any shape appears in the error that refuses it", async () => {
  const secret = hostileText.filter((text) => text.trim().length > 8);
  const property = fc.asyncProperty(secret, fc.boolean(), async (text, isUrl) => {
    const url = isUrl ? text : "https://127.0.0.1:1";
    const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: text };
    const error: unknown = await upstash(env, { requestTimeout: 100 })
      .inspect("a")
      .catch((thrown: unknown) => thrown);
    expect(isLockError(error)).toBe(true);
    expect(String(error)).not.toContain(text);
  });
  await fc.assert(property, { ...RUNS, examples: [["constructor:", true]] });
});
