import { expect, it } from "vitest";
import {
  LockConfigurationError,
  LockService,
  RedisDatabase,
  type AcquireOptions,
  type LockServiceOptions,
  type RedisDatabaseOptions,
} from "../../src/index.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const LONE = "\ud800";

/** A value that the types forbid, but plain JavaScript may pass. */
type Wrong = readonly [option: string, given: object, shown: string | RegExp];

const TTLS: readonly (readonly [unknown, string])[] = [
  [0, "0"],
  [-1_000, "-1000"],
  [99, "99"],
  [1_000.5, "1000.5"],
  [Number.NaN, "NaN"],
  [Infinity, "Infinity"],
  [2 ** 31, "2147483648"],
  ["10s", '"10s"'],
  ["10000", '"10000"'],
  [null, "null"],
  [10_000n, "10000n"],
];

const ACQUIRE: readonly Wrong[] = [
  ...TTLS.map(([ttl, shown]): Wrong => ["ttl", { ttl }, shown]),
  ["ttl", { ttl: 300_001 }, /300000, but is 300001/],
  ["waitTimeout", { waitTimeout: -1 }, "-1"],
  ["waitTimeout", { waitTimeout: 0.5 }, "0.5"],
  ["waitTimeout", { waitTimeout: Number.NaN }, "NaN"],
  ["waitTimeout", { waitTimeout: Infinity }, "Infinity"],
  ["waitTimeout", { waitTimeout: "5" }, '"5"'],
  ["retry", { retry: 3 }, "3"],
  ["retry", { retry: null }, "null"],
  ["retry.maxRetries", { retry: { maxRetries: -1 } }, "-1"],
  ["retry.maxRetries", { retry: { maxRetries: 1.5 } }, "1.5"],
  ["retry.initialDelay", { retry: { initialDelay: 0 } }, "0"],
  ["retry.initialDelay", { retry: { initialDelay: "1s" } }, '"1s"'],
  ["retry.maxDelay", { retry: { maxDelay: Infinity } }, "Infinity"],
  ["retry.multiplier", { retry: { multiplier: 0.5 } }, "0.5"],
  ["retry.multiplier", { retry: { multiplier: Number.NaN } }, "NaN"],
  ["retry.jitter", { retry: { jitter: 0.5 } }, "0.5"],
  ["autoRenew", { autoRenew: "yes" }, '"yes"'],
  ["autoRenew", { autoRenew: null }, "null"],
  ["autoRenew", { ttl: 250, autoRenew: true }, "250"],
  ["autoRenew.enabled", { autoRenew: { enabled: 1 } }, "1"],
  ["autoRenew.intervalFraction", { autoRenew: { intervalFraction: 1 } }, "1"],
  ["autoRenew.intervalFraction", { autoRenew: { intervalFraction: 0 } }, "0"],
  ["autoRenew.maxHold", { autoRenew: { maxHold: 99 } }, "99"],
  ["autoRenew.maxHold", { autoRenew: { maxHold: Infinity } }, "Infinity"],
  ["trace", { trace: "x".repeat(257) }, "257"],
  ["trace", { trace: `a${LONE}` }, /lone surrogate/],
  ["trace", { trace: "a\0" }, /NUL/],
  ["trace", { trace: 17 }, "17"],
  ["signal", { signal: { aborted: false } }, "an object"],
  ["signal", { signal: { aborted: false, addEventListener: () => {} } }, "an object"],
  [
    "signal",
    { signal: { aborted: false, addEventListener: () => {}, removeEventListener: true } },
    "an object",
  ],
  ["signal", { signal: new AbortController() }, "an object"],
  ["signal", { signal: null }, "null"],
];

const SERVICE: readonly Wrong[] = [
  ["database", { database: undefined }, "undefined"],
  ["database", { database: {} }, "an object"],
  ["database", { database: "redis://127.0.0.1" }, "redis://127.0.0.1"],
  ["waitUntil", { waitUntil: {} }, "an object"],
  ["waitUntil", { waitUntil: null }, "null"],
  ["deadline", { deadline: new Date("no date") }, /valid Date/],
  ["deadline", { deadline: 1_700_000_000_000 }, "1700000000000"],
  ["deadline", { deadline: "2030-01-01" }, "2030-01-01"],
  ["signal", { signal: "stop" }, '"stop"'],
  ["keyPrefix", { keyPrefix: 7 }, "7"],
  ["keyPrefix", { keyPrefix: `${LONE}:` }, /lone surrogate/],
  ...TTLS.map(([defaultTtl, shown]): Wrong => ["defaultTtl", { defaultTtl }, shown]),
  ...TTLS.map(([maxTtl, shown]): Wrong => ["maxTtl", { maxTtl }, shown]),
  ["defaultTtl", { defaultTtl: 10_000, maxTtl: 5_000 }, /5000, but is 10000/],
  ["retry.multiplier", { retry: { multiplier: 1_000 } }, "1000"],
  ["autoRenew.intervalFraction", { autoRenew: { intervalFraction: 2 } }, "2"],
];

const DATABASE: readonly Wrong[] = [
  ["prefix", { prefix: 7 }, "7"],
  ["prefix", { prefix: null }, "null"],
  ["keyLocking", { keyLocking: "yes" }, '"yes"'],
  ["gracePeriod", { gracePeriod: 0 }, "0"],
  ["requestTimeout", { requestTimeout: 0 }, "0"],
  ["requestTimeout", { requestTimeout: "2s" }, '"2s"'],
];

function expectRefusal(error: unknown, option: string, shown: string | RegExp): void {
  expect(error).toBeInstanceOf(LockConfigurationError);
  expect(error).toMatchObject({ option, code: "LOCK_CONFIGURATION" });
  const { message } = error as LockConfigurationError;
  expect(message).toMatch(new RegExp(`^${option}: `));
  if (typeof shown === "string") expect(message).toContain(shown);
  else expect(message).toMatch(shown);
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

it.each(ACQUIRE)(
  "refuses %s of an acquisition given as %o, and sends nothing",
  async (...wrong) => {
    const [option, given, shown] = wrong;
    const rest = rests.open();
    const locks = rest.locks();
    const options = given as AcquireOptions;
    const work = (): never => expect.fail("the work ran");
    expectRefusal(await locks.acquire("a", options).catch((e: unknown) => e), option, shown);
    expectRefusal(await locks.withLock("a", work, options).catch((e: unknown) => e), option, shown);
    const isOfTry = !option.startsWith("retry") && option !== "waitTimeout";
    if (isOfTry) {
      expectRefusal(await locks.tryAcquire("a", options).catch((e: unknown) => e), option, shown);
    }
    expect(rest.session.counters.requests).toBe(0);
    expect(rest.pledges).toEqual([]);
  },
);

it.each(SERVICE)("refuses %s of a service given as %o", (option, given, shown) => {
  const rest = rests.open();
  const options = { database: rest.database(), ...given } as LockServiceOptions;
  expectRefusal(
    thrownBy(() => new LockService(options)),
    option,
    shown,
  );
});

it.each(["waitUntil", "deadline", "signal"])("refuses a wrong %s of a context", (option) => {
  const locks = rests.open().locks();
  expectRefusal(
    thrownBy(() => locks.forRequest({ [option]: "wrong" })),
    option,
    '"wrong"',
  );
});

it.each(DATABASE)("refuses %s of a database given as %o", (option, given, shown) => {
  const { redis } = rests.open();
  const options = given as RedisDatabaseOptions;
  expectRefusal(
    thrownBy(() => new RedisDatabase(redis, options)),
    option,
    shown,
  );
});

it.each([[{}], [undefined], [null], ["https://127.0.0.1"], [{ eval: "return 1" }]])(
  "refuses %o as a Redis client",
  (client) => {
    const make = (): RedisDatabase => new RedisDatabase(client as never);
    expectRefusal(thrownBy(make), "redis", "eval");
  },
);

it.each(["", "a\0b", LONE, "x".repeat(1_001), 17, undefined, null, [], ["a", "a"], ["a", 1]])(
  "refuses the key %j in every method, and sends nothing",
  async (key) => {
    const rest = rests.open();
    const locks = rest.locks();
    const wrong = key as string;
    const calls = [
      locks.acquire(wrong),
      locks.tryAcquire(wrong),
      locks.withLock(wrong, () => expect.fail("the work ran")),
      ...(Array.isArray(key)
        ? []
        : [locks.isLocked(wrong), locks.inspect(wrong), locks.forceRelease(wrong)]),
    ];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: { option: "key" } });
    }
    expect(rest.session.counters.requests).toBe(0);
    expect(rest.pledges).toEqual([]);
  },
);

it("refuses work that is not a function before it acquires the lock", async () => {
  const rest = rests.open();
  const error: unknown = await rest
    .locks()
    .withLock("a", "work" as never)
    .catch((e: unknown) => e);
  expectRefusal(error, "work", '"work"');
  expect(rest.session.counters.requests).toBe(0);
});

it("refuses a ttl that is out of range for extend(), and sends nothing", async () => {
  const rest = rests.open();
  const lock = await rest.locks({ maxTtl: 60_000 }).acquire("a");
  const { requests } = rest.session.counters;
  for (const ttl of [0, 99, 60_001, 500.5, Number.NaN, "5s" as never, undefined as never]) {
    expectRefusal(await lock.extend(ttl).catch((e: unknown) => e), "ttl", /but is/);
  }
  expect(rest.session.counters.requests).toBe(requests);
  await lock.release();
});

it("does not modify its caller's options: frozen ones work everywhere", async () => {
  const rest = rests.open();
  const retry = Object.freeze({ maxRetries: 1 });
  const autoRenew = Object.freeze({ enabled: true });
  const signal = new AbortController().signal;
  const keys = Object.freeze(["b", "a"]);
  const database = new RedisDatabase(rest.redis, Object.freeze({ prefix: rest.prefix }));
  const locks = new LockService(Object.freeze({ database, retry, autoRenew }));
  const bound = locks.forRequest(Object.freeze({ signal }));
  const options = Object.freeze({ ttl: 10_000, retry, autoRenew, signal, trace: "t" });
  await bound.withLock(keys, (lock) => expect(lock.keys).toEqual(["b", "a"]), options);
  await (await bound.tryAcquire("a", options))?.release();
});
