import { describe, expect, it } from "vitest";
import { locks as honoLocks, withLock } from "../../src/hono/index.ts";
import {
  LockService,
  Locker,
  RedisDatabase,
  WithLock,
  isLockError,
  lockedBy,
  type AcquireOptions,
  type LockServiceOptions,
  type RedisClient,
  type RequestContext,
} from "../../src/index.ts";
import {
  FaultyDatabase,
  ManualRuntime as Manual,
  MemoryDatabase,
} from "../../src/testing/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

type Options = Readonly<Record<string, unknown>>;

const client: RedisClient = { eval: async () => null };

function open(options: Partial<LockServiceOptions> = {}): {
  runtime: ManualRuntime;
  database: MemoryDatabase;
  locks: LockService;
} {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  return { runtime, database, locks: new LockService({ database, runtime, ...options }) };
}

/** Everything that takes options, given some. */
const TAKERS: Readonly<Record<string, (options: Options) => unknown>> = {
  LockService: (options) => open(options),
  "retry of a service": (retry) => open({ retry }),
  "autoRenew of a service": (autoRenew) => open({ autoRenew }),
  acquire: (options) => open().locks.acquire("a", options),
  "retry of acquire": (retry) => open().locks.acquire("a", { retry }),
  "autoRenew of acquire": (autoRenew) => open().locks.acquire("a", { autoRenew }),
  tryAcquire: (options) => open().locks.tryAcquire("a", options),
  "withLock of a service": (options) => open().locks.withLock("a", () => 1, options),
  RedisDatabase: (options) => new RedisDatabase(client, options),
  upstash: (options) => upstash({}, options),
  Locker: (options) => new Locker({ database: open().database, ...options }),
  lockedBy: (options) => lockedBy(open().locks, { key: "a", ...options }, () => 1),
  "retry of lockedBy": (retry) => lockedBy(open().locks, { key: "a", retry }, () => 1),
  WithLock: (options) => WithLock({ key: "a", ...options }),
  "autoRenew of WithLock": (autoRenew) => WithLock({ key: "a", autoRenew }),
  "withLock of Hono": (options) => withLock({ key: "a", ...options }),
  "retry of Hono's withLock": (retry) => withLock({ key: "a", retry }),
  MemoryDatabase: (options) => new MemoryDatabase(options),
  ManualRuntime: (options) => new Manual(options),
  FaultyDatabase: (options) => new FaultyDatabase(open().database, options),
};

/** What a wrong option is refused with. */
async function refusalOf(take: () => unknown): Promise<{ option: string; message: string }> {
  const error = await Promise.resolve()
    .then(take)
    .then(
      () => expect.fail("it was accepted"),
      (thrown: unknown) => thrown,
    );
  if (!isLockError(error, "LOCK_CONFIGURATION")) throw error;
  return error;
}

describe("an option with an unknown name is refused", () => {
  it.each(Object.entries(TAKERS))("by %s, which names what it takes instead", async (_, take) => {
    const { option, message } = await refusalOf(() => take({ nonsense: 1 }));
    expect(option).toBe("nonsense");
    expect(message).toMatch(/^nonsense: is not an option of .*, which takes \w+/);
    // Even if it is undefined: a typing error is one whatever its value.
    expect((await refusalOf(() => take({ nonsense: undefined }))).option).toBe("nonsense");
  });

  it.each<[string, string, string]>([
    ["acquire", "wait", "waitTimeout"],
    ["acquire", "ttlMs", "ttl"],
    ["acquire", "TTL", "ttl"],
    ["acquire", "timeout", "waitTimeout"],
    ["acquire", "retries", "retry"],
    ["acquire", "autorenew", "autoRenew"],
    ["tryAcquire", "ttlMs", "ttl"],
    ["withLock of a service", "waitTimeoutMs", "waitTimeout"],
    ["retry of acquire", "maxRetry", "maxRetries"],
    ["retry of lockedBy", "maxDelayMs", "maxDelay"],
    ["autoRenew of WithLock", "maxHoldMs", "maxHold"],
    ["LockService", "keyprefix", "keyPrefix"],
    ["LockService", "defaultTTL", "defaultTtl"],
    ["LockService", "databse", "database"],
    ["RedisDatabase", "requestTimeoutMs", "requestTimeout"],
    ["upstash", "keyPrefix", "prefix"],
    ["Locker", "lockTtl", "lockTtlMs"],
    ["withLock of Hono", "onLock", "onLocked"],
    ["WithLock", "onFailed", "onLockFailed"],
  ])("of %s: for %s, %s is suggested", async (taker, wrong, right) => {
    const { message } = await refusalOf(() => TAKERS[taker]?.({ [wrong]: 3 }));
    expect(message).toContain(`did you mean "${right}"?`);
  });

  it.each<[string, string]>([
    ["LockService", "db"],
    ["LockService", "url"],
    ["LockService", "x"],
    ["acquire", "a"],
    ["acquire", "key"],
    ["acquire", ""],
    ["upstash", "token"],
    ["retry of acquire", "count"],
  ])("of %s: for %j, nothing is near enough to be suggested", async (taker, wrong) => {
    const { message } = await refusalOf(() => TAKERS[taker]?.({ [wrong]: 3 }));
    expect(message).not.toContain("did you mean");
    expect(message).toMatch(/which takes \w+/);
  });

  it("before anything is sent", async () => {
    const { database, locks } = open();
    const wrong = { wait: 3 } as AcquireOptions;
    await refusalOf(() => locks.acquire("a", wrong));
    await refusalOf(() => locks.withLock("a", () => expect.fail("it ran"), wrong));
    expect(await database.inspect("a")).toBeNull();
  });

  it("among the options that Hono's locks() gets", async () => {
    const { database } = open();
    const wrong = { database, keyprefix: "a" } as LockServiceOptions;
    const middleware = honoLocks(() => wrong);
    const { option } = await refusalOf(() => middleware({} as never, async () => {}));
    expect(option).toBe("keyprefix");
  });
});

it.each(["RedisDatabase", "upstash", "MemoryDatabase", "retry of acquire", "acquire"])(
  "options of %s that are no object are refused as such",
  async (taker) => {
    for (const wrong of [null, "prefix", 5]) {
      const { option } = await refusalOf(() => TAKERS[taker]?.(wrong as unknown as Options));
      expect(option).toMatch(/^(?:options|retry)$/);
    }
  },
);

/** A platform's own context: its methods throw when they are detached, as those of Workers do. */
class PlatformContext {
  readonly props: unknown = {};
  readonly passThroughOnException = (): void => {};
  readonly #promises: Promise<unknown>[] = [];

  waitUntil(promise: Promise<unknown>): void {
    if (!(#promises in (this as object))) throw new TypeError("Illegal invocation");
    this.#promises.push(promise);
  }

  get promises(): readonly Promise<unknown>[] {
    return this.#promises;
  }
}

describe("forRequest", () => {
  it("accepts a platform's own context with other fields, and calls waitUntil as its method", async () => {
    const context = new PlatformContext();
    const lock = await open().locks.forRequest(context).acquire("a");
    expect(context.promises).toHaveLength(1);
    await lock.release();
    await Promise.all(context.promises);
  });

  it("takes waitUntil, deadline and signal in an object", async () => {
    const { locks, runtime } = open();
    const promises: Promise<unknown>[] = [];
    const waitUntil = (promise: Promise<unknown>): void => void promises.push(promise);
    const deadline = new Date(runtime.wall + 5_000);
    const leaving = new AbortController();
    const bound = locks.forRequest({ waitUntil, deadline, signal: leaving.signal });
    const lock = await bound.acquire("a", { ttl: 30_000 });
    expect(lock.ttl).toBe(5_000);
    leaving.abort();
    await expect(bound.acquire("b")).rejects.toMatchObject({ reason: "aborted" });
    await lock.release();
    await Promise.all(promises);
    expect(promises).toHaveLength(2);
  });

  it.each(["soon", 5, new Date(Number.NaN), {}])(
    "refuses a deadline that is no Date: %o",
    (deadline) => {
      const context = { deadline } as RequestContext;
      expect(() => open().locks.forRequest(context)).toThrow(
        expect.objectContaining({ code: "LOCK_CONFIGURATION", option: "deadline" }),
      );
    },
  );

  it("holds() knows the locks of its own request, from their grant to their release, and no others", async () => {
    const { locks } = open();
    const [mine, other] = [locks.forRequest({}), locks.forRequest({})];
    expect(mine.holds("a")).toBe(false);
    const lock = await mine.acquire(["a", "b"]);
    expect(["a", "b", "c"].map((key) => mine.holds(key))).toEqual([true, true, false]);
    expect(other.holds("a")).toBe(false);
    await lock.release();
    expect(mine.holds("a")).toBe(false);
  });

  it("holds() of a service without a request is an error, not false for a lock that it holds", async () => {
    const { locks } = open();
    const lock = await locks.acquire("a");
    expect(() => locks.holds("a")).toThrow(
      expect.objectContaining({ option: "holds", message: expect.stringContaining("forRequest") }),
    );
    await lock.release();
  });

  it("keeps options that are getters on a prototype, and none that change later", async () => {
    const { runtime, database } = open();
    let ttl = 5_000;
    class Settings {
      readonly retry = { maxRetries: 0 };
      get database(): MemoryDatabase {
        return database;
      }
      get defaultTtl(): number {
        return ttl;
      }
      get runtime(): ManualRuntime {
        return runtime;
      }
      get keyPrefix(): string {
        return "shop:";
      }
    }
    const settings = new Settings();
    const locks = new LockService(settings);
    ttl = 60_000;
    settings.retry.maxRetries = 9;
    const lock = await locks.forRequest({}).acquire("a");
    expect(lock.ttl).toBe(5_000);
    expect(await database.inspect("shop:a")).not.toBeNull();
    await expect(locks.forRequest({}).acquire("a")).rejects.toMatchObject({ reason: "held" });
    await lock.release();
  });
});
