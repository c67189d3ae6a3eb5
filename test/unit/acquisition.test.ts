import { describe, expect, it } from "vitest";
import { DatabaseError, LockService } from "../../src/index.ts";
import type { AcquireOutcome, AcquireRequest, CreateOutcome, LockData } from "../../src/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

const ANSWER_MS = 50;

/** Refuses temporarily (LOADING), each time after a while. */
class LoadingDatabase extends MemoryDatabase {
  asked = 0;
  released = 0;

  override async acquire(): Promise<AcquireOutcome> {
    this.asked += 1;
    const loading = (async () => {
      await this.runtime.sleep(ANSWER_MS);
      throw new DatabaseError("LOADING", { applied: "no", retriable: true });
    })();
    return this.awaitAnswer("acquire", loading);
  }

  override async release(
    ...request: Parameters<MemoryDatabase["release"]>
  ): ReturnType<MemoryDatabase["release"]> {
    this.released += 1;
    return super.release(...request);
  }
}

/** One client's connection to a minimal database: tryCreate is slow, and may lose its answer. */
class SlowDatabase extends MinimalDatabase {
  createMs: number[] = [];
  lostMs: number[] = [];
  readonly #store: MinimalDatabase;

  constructor(store: MinimalDatabase, options: { readonly runtime: ManualRuntime }) {
    super(options);
    this.#store = store;
    this.readLockData = store.readLockData.bind(store);
    this.tryUpdate = store.tryUpdate.bind(store);
    this.tryDelete = store.tryDelete.bind(store);
    this.readProcessData = store.readProcessData.bind(store);
    this.saveProcessData = store.saveProcessData.bind(store);
  }

  override async tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    const [createMs = 0, lostMs] = [this.createMs.shift(), this.lostMs.shift()];
    if (createMs > 0) await this.runtime.sleep(createMs);
    const outcome = await this.#store.tryCreate(key, lockData, ttlMs);
    if (lostMs === undefined) return outcome;
    await this.runtime.sleep(lostMs);
    throw new Error("socket hang up");
  }
}

it("a temporarily refused call does not retry with less time left than that answer took", async () => {
  const runtime = new ManualRuntime();
  // Sent at 0, 150 and 400 ms; a fourth send at 850 ms would time out, and its outcome be unknown.
  const database = new LoadingDatabase({ runtime, requestTimeout: 870 });
  const locks = new LockService({ database, runtime });
  const outcome = expect(locks.acquire("a", { waitTimeout: 1 })).rejects.toMatchObject({
    reason: "error",
    cause: { message: "LOADING", applied: "no" },
  });
  await runtime.advance(2_000);
  await outcome;
  expect([database.asked, database.released]).toEqual([3, 0]);
});

it("a temporarily refused call is repeated at most twice, or else for as long as it may wait", async () => {
  const runtime = new ManualRuntime();
  const database = new LoadingDatabase({ runtime });
  const locks = new LockService({ database, runtime });
  for (const [options, most] of [
    [{ retry: { maxRetries: 0 } }, 3],
    [{}, 3],
    [{ waitTimeout: 20_000 }, 20],
  ] as const) {
    database.asked = 0;
    const outcome = expect(locks.acquire("a", options)).rejects.toMatchObject({ reason: "error" });
    await runtime.advance(25_000);
    await outcome;
    expect(database.asked).toBeLessThanOrEqual(most);
  }
  expect(database.asked).toBeGreaterThan(6);
  expect(database.released).toBe(0);
});

it("a copy of a granted acquire that arrives after the lock has expired creates nothing", async () => {
  const runtime = new ManualRuntime();
  const memory = new MemoryDatabase({ runtime });
  const database = new FaultyDatabase(memory, { runtime });
  const locks = new LockService({ database, runtime });
  const sent: AcquireRequest[] = [];
  const acquire = memory.acquire.bind(memory);
  memory.acquire = (request) => {
    sent.push(request);
    return acquire(request);
  };
  await locks.tryAcquire("a", { ttl: 5_000, autoRenew: false });
  await runtime.advance(6_000);
  for (const request of sent.splice(0)) await memory.acquire(request);
  expect(await locks.isLocked("a")).toBe(false);
});

describe("on a backend that does not remember tokens", () => {
  it("a copy of a refused send does not make two clients believe they hold the lock", async () => {
    const runtime = new ManualRuntime();
    const store = new MinimalDatabase({ runtime });
    const [locks, holder] = [1, 2].map(
      () => new LockService({ database: store, runtime, autoRenew: false }),
    );
    const held = await holder?.acquire("a", { ttl: 20_000 });
    const sent: Parameters<MinimalDatabase["tryCreate"]>[] = [];
    const create = store.tryCreate.bind(store);
    store.tryCreate = (...args) => {
      sent.push(args);
      return create(...args);
    };
    const retry = { initialDelay: 1_500, multiplier: 1, jitter: false };
    const acquiring = locks?.acquire("a", { ttl: 1_000, waitTimeout: 5_000, retry });
    await runtime.advance(1_100);
    await held?.release();
    for (const copy of sent.splice(0)) await create(...copy);
    // Its liveness has expired: another may take over, at the very moment it is retried.
    const record = await store.readLockData("a");
    await runtime.advance(400);
    await store.tryDelete("a", record?.ownerHash ?? "");
    const lock = await acquiring;
    expect(lock?.token).not.toBe(record?.ownerHash);
    expect(await holder?.tryAcquire("a")).toBeNull();
    lock?.assertHeld();
    await lock?.release();
  });

  it("a call may wait longer than its lock's TTL", async () => {
    const runtime = new ManualRuntime();
    const database = new MinimalDatabase({ runtime });
    const locks = new LockService({ database, runtime, autoRenew: false });
    const held = await locks.acquire("a", { ttl: 20_000 });
    const retry = { initialDelay: 1_500, multiplier: 1, jitter: false };
    const acquiring = locks.acquire("a", { ttl: 1_000, waitTimeout: 5_000, retry });
    await runtime.advance(1_000);
    await held.release();
    await runtime.advance(500);
    const lock = await acquiring;
    lock.assertHeld();
    await lock.release();
  });

  it("a call that may be blocked by its own lock does not report that another holds it", async () => {
    const runtime = new ManualRuntime();
    const faulty = new FaultyDatabase(new MinimalDatabase({ runtime }), { runtime });
    const locks = new LockService({ database: faulty, runtime, autoRenew: false });
    faulty.inject({ kind: "loseReply", operations: ["acquire"], times: 1 });
    faulty.inject({ kind: "delay", ms: 1_050, operations: ["acquire"], times: 1 });
    faulty.inject({ kind: "fail", operations: ["release"], times: 1 });
    const outcome = expect(locks.tryAcquire("a", { ttl: 1_000 })).rejects.toMatchObject({
      reason: "error",
    });
    await runtime.advance(5_000);
    await outcome;
    expect(await locks.isLocked("a")).toBe(false);
  });

  it("a call does not believe it holds a lock whose liveness expired before the answer", async () => {
    const runtime = new ManualRuntime();
    const store = new MinimalDatabase({ runtime });
    const slow = new SlowDatabase(store, { runtime });
    const locks = new LockService({ database: slow, runtime, autoRenew: false });
    const other = new LockService({ database: store, runtime, autoRenew: false });
    // Applied at 600 ms, its answer lost at 1,050: its liveness expired at 1,000.
    slow.createMs = [600];
    slow.lostMs = [450];
    const acquiring = locks.acquire("a", { ttl: 1_000, waitTimeout: 5_000 });
    acquiring.catch(() => undefined);
    await runtime.advance(1_100);
    const record = await store.readLockData("a");
    const { ownerHash = "", processHash = "" } = record ?? {};
    expect(await store.readProcessData(processHash)).toBeNull();
    // Another client that saw it dead deletes it, after it was sent again.
    await runtime.advance(100);
    await store.tryDelete("a", ownerHash);
    await expect(acquiring).rejects.toMatchObject({ reason: "error" });
    const next = await other.tryAcquire("a");
    await runtime.advance(2_000);
    next?.assertHeld();
    await next?.release();
  });
});

/** Every acquire is delivered twice, and the second copy answered; in between, an administrator frees one key. */
class TwiceDatabase extends MemoryDatabase {
  forced = "";

  override async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    await super.acquire(request);
    const claim = request.claims.find(({ key }) => key === this.forced);
    this.forced = "";
    if (claim !== undefined) await this.forceDelete(claim.key, claim.lockData.ownerHash);
    return super.acquire(request);
  }
}

it("R11 what the first copy of an acquire left of several keys does not stand in the way of the next", async () => {
  const runtime = new ManualRuntime();
  const database = new TwiceDatabase({ runtime });
  database.forced = "b";
  const lock = await new LockService({ database, runtime }).tryAcquire(["a", "b"]);
  expect(lock?.keys).toEqual(["a", "b"]);
  await lock?.release();
});
