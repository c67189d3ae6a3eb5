import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { locks as honoLocks, withLock } from "../../src/hono/index.ts";
import {
  LockService,
  Locker,
  type AcquireOutcome,
  type AcquireRequest,
  type Capabilities,
  type Database,
  type DeleteOutcome,
  type Inspection,
  type LockOperations,
  type LockServiceOptions,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
} from "../../src/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

/** A backend that has the operations of the engine and nothing else: no base class, no primitives. */
class OperationsOnly implements LockOperations {
  readonly requestTimeout = 2_000;
  readonly capabilities: Capabilities;
  readonly #memory: MemoryDatabase;
  /** What was asked of it, in order. */
  readonly asked: string[] = [];

  constructor(runtime: ManualRuntime) {
    this.#memory = new MemoryDatabase({ runtime });
    this.capabilities = this.#memory.capabilities;
  }

  async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    this.asked.push("acquire");
    return this.#memory.acquire(request);
  }

  async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    this.asked.push("renew");
    return this.#memory.renew(requests);
  }

  async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    this.asked.push("release");
    return this.#memory.release(request);
  }

  async inspect(key: string): Promise<Inspection | null> {
    this.asked.push("inspect");
    return this.#memory.inspect(key);
  }

  async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    this.asked.push("forceDelete");
    return this.#memory.forceDelete(key, ownerHash);
  }
}

function open(options: Partial<LockServiceOptions> = {}): {
  runtime: ManualRuntime;
  database: OperationsOnly;
  locks: LockService;
} {
  const runtime = new ManualRuntime();
  const database = new OperationsOnly(runtime);
  return { runtime, database, locks: new LockService({ database, runtime, ...options }) };
}

describe("a backend of operations only, of no class of ours,", () => {
  it("serves a LockService: acquire, renew, extend, refuse, look, force, release", async () => {
    const { locks, runtime, database } = open();
    const lock = await locks.acquire("a", { ttl: 3_000 });
    expect(lock.fence).toBeGreaterThan(0);
    expect(await locks.tryAcquire("a")).toBeNull();
    await runtime.advance(10_000);
    expect(await lock.isHeld()).toBe(true);
    await lock.extend(60_000);
    expect(await locks.inspect("a")).toMatchObject({ holder: lock.token, alive: true });
    await lock.release();
    expect(await locks.withLock(["b", "c"], () => "done")).toBe("done");
    const forced = await locks.acquire("d");
    expect(await locks.forceRelease("d")).toBe(true);
    await expect(forced.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    expect(new Set(database.asked)).toEqual(
      new Set(["acquire", "renew", "release", "inspect", "forceDelete"]),
    );
  });

  it("serves Hono's locks(), itself or in options", async () => {
    const { database, runtime } = open();
    for (const source of [database, { database, runtime }]) {
      const app = new Hono();
      app.use(honoLocks(() => source));
      app.post("/", withLock({ key: "a" }), (c) => c.text(c.var.lock.key));
      expect(await (await app.request("/", { method: "POST" })).text()).toBe("a");
    }
  });

  it("is refused by Locker, which needs the primitives", () => {
    const { database } = open();
    const make = (): Locker => new Locker({ database: database as unknown as Database });
    expect(make).toThrow(
      expect.objectContaining({ code: "LOCK_CONFIGURATION", option: "database" }),
    );
    expect(make).toThrow("must be a Database or { moduleName, exportName }");
  });
});

it("a Locker refuses primitives without operations, before anything is sent", () => {
  const asked: unknown[] = [];
  const primitives = Object.fromEntries(
    [
      "readLockData",
      "tryCreate",
      "tryUpdate",
      "tryDelete",
      "readProcessData",
      "saveProcessData",
    ].map((name) => [name, (...args: unknown[]) => asked.push(args)]),
  );
  const make = (): Locker => new Locker({ database: primitives as unknown as Database });
  expect(make).toThrow(expect.objectContaining({ code: "LOCK_CONFIGURATION", option: "database" }));
  expect(asked).toEqual([]);
});

it.each([[["SUCCESS"]], [[true]], [[undefined]], [["lost"]], [[]], [["Renewed"]]])(
  "a renewal answered with %o counts as lost",
  async (answer) => {
    const { locks, database } = open();
    const lock = await locks.acquire("a", { autoRenew: false });
    database.renew = async () => answer as unknown as RenewOutcome[];
    expect(await lock.isHeld()).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: "LOCK_LOST" });
    expect(() => lock.assertHeld()).toThrow("was lost");
    await lock.release();
  },
);

it.each([["SUCCESS"], ["acquired"], [""], [undefined], [null]])(
  "R11 an acquisition answered with status %o has no conclusive answer, and is rolled back",
  async (status) => {
    const { locks, database } = open();
    const acquire = database.acquire.bind(database);
    database.acquire = async (request) => {
      await acquire(request);
      return { status } as unknown as AcquireOutcome;
    };
    await expect(locks.acquire("a")).rejects.toMatchObject({
      code: "LOCK_ACQUISITION",
      reason: "error",
      message: expect.stringContaining("no conclusive answer"),
    });
    expect(database.asked).toEqual(["acquire", "release"]);
    expect(await locks.isLocked("a")).toBe(false);
  },
);

/** Primitives that know who was taken over from; the answer to the first deletion is lost. */
class KnowingDatabase extends MinimalDatabase {
  deletions: DeleteOutcome[] = [];

  override async tryDelete(key: string, ownerHash: string): Promise<DeleteOutcome> {
    return this.deletions.shift() ?? super.tryDelete(key, ownerHash);
  }
}

it.each<[string, DeleteOutcome, unknown]>([
  [
    "that was certainly taken over",
    { status: "NO_KEY", lockData: null, isTaken: true },
    "LOCK_NOT_OWNED",
  ],
  ["that may have been removed by its own send", { status: "NO_KEY", lockData: null }, undefined],
])("R12 primitives, after a lost answer: a lock %s", async (_, found, code) => {
  const runtime = new ManualRuntime();
  const database = new KnowingDatabase({ runtime });
  const locks = new LockService({ database, runtime });
  const lock = await locks.acquire("a");
  database.deletions = [{ retriableError: new Error("no answer") }, found];
  const released = lock.release().then(
    () => undefined,
    (error: unknown) => error,
  );
  await runtime.advance(1_000);
  const error = await released;
  expect(error && Reflect.get(error, "code")).toBe(code);
});

it("terminate() while the release of a job is failing settles no promise of waitUntil early", async () => {
  const runtime = new ManualRuntime();
  const memory = new MemoryDatabase({ runtime });
  const database = new FaultyDatabase(memory, { runtime });
  const pledges: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
  const locker = new Locker({ database, runtime, waitUntil });
  const outage = database.inject({ kind: "fail", operations: ["release"] });
  const run = locker.acquireAndRun("a", async (_heartbeater) => {
    throw new RangeError("the job failed");
  });
  const failed = expect(run).rejects.toThrow(RangeError);
  await runtime.advance(1_000);
  await failed;
  expect(outage.hits).toBeGreaterThan(1);
  await locker.terminate();
  let isSettled = false;
  const settled = Promise.all(pledges).then(() => {
    isSettled = true;
  });
  await runtime.advance(60_000);
  expect(isSettled).toBe(false);
  outage.remove();
  await runtime.advance(10_000);
  await settled;
  expect(await memory.inspect("a")).toBeNull();
});
