import { describe, expect, it } from "vitest";
import { LockService, type LockEvent } from "../../src/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

interface ReleaseScene {
  readonly runtime: ManualRuntime;
  readonly faulty: FaultyDatabase;
  readonly locks: LockService;
  readonly pledges: Promise<unknown>[];
  readonly types: LockEvent["type"][];
}

function open(make: (runtime: ManualRuntime) => MemoryDatabase | MinimalDatabase): ReleaseScene {
  const runtime = new ManualRuntime();
  const faulty = new FaultyDatabase(make(runtime), { runtime });
  const pledges: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
  const locks = new LockService({ database: faulty, runtime, waitUntil });
  const types: LockEvent["type"][] = [];
  locks.events.subscribe(({ type }) => types.push(type));
  return { runtime, faulty, locks, pledges, types };
}

describe("a release that was applied, but whose answer was lost,", () => {
  it("is never reported as not owned, even when it is called again after its tombstone has expired", async () => {
    const { runtime, faulty, locks, types } = open(
      (clock) => new MemoryDatabase({ runtime: clock }),
    );
    const lock = await locks.acquire("a", { ttl: 120_000, autoRenew: false });
    faulty.inject({ kind: "loseReply", operations: ["release"], times: 1 });
    const outage = faulty.inject({ kind: "fail", operations: ["release"], skip: 1 });
    const unknown = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    await runtime.advance(35_000);
    await unknown;
    outage.remove();
    const released = lock.release();
    await runtime.advance(10_000);
    await released;
    expect(types.filter((type) => type === "released")).toHaveLength(1);
  });

  it("keeps the result of withLock, however late the answer is", async () => {
    const { runtime, faulty, locks } = open(
      (clock) =>
        new MemoryDatabase({ runtime: clock, gracePeriod: 10_000, requestTimeout: 10_000 }),
    );
    const late = { kind: "delay", on: "reply", ms: 11_000, operations: ["release"] } as const;
    faulty.inject({ ...late, times: 1 });
    const work = locks.withLock("a", () => "result", { ttl: 60_000 });
    await runtime.advance(30_000);
    expect(await work).toBe("result");
  });

  it("keeps the result of withLock on a backend that does not remember releases", async () => {
    const { runtime, faulty, locks } = open((clock) => new MinimalDatabase({ runtime: clock }));
    faulty.inject({ kind: "loseReply", operations: ["release"], times: 1 });
    const work = locks.withLock("a", () => "result");
    await runtime.advance(5_000);
    expect(await work).toBe("result");
  });
});

it("a lock that was lost before its release is reported as not owned, whatever answers are lost", async () => {
  for (const make of [
    (clock: ManualRuntime) => new MemoryDatabase({ runtime: clock }),
    (clock: ManualRuntime) => new MinimalDatabase({ runtime: clock }),
  ]) {
    const { runtime, faulty, locks } = open(make);
    const lock = await locks.acquire("a", { ttl: 1_000, autoRenew: false });
    await runtime.advance(2_000);
    expect(lock.signal.aborted).toBe(true);
    faulty.inject({ kind: "loseReply", operations: ["release"], times: 1 });
    const released = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await runtime.advance(5_000);
    await released;
  }
});

it("waitUntil covers a permanently refused release for no longer than the lock can last", async () => {
  const { runtime, faulty, locks, pledges } = open(
    (clock) => new MemoryDatabase({ runtime: clock }),
  );
  const lock = await locks.acquire("a", { ttl: 5_000 });
  faulty.inject({ kind: "fail", definite: true, operations: ["release"], times: 1 });
  await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
  let isSettled = false;
  void Promise.all(pledges).then(() => (isSettled = true));
  await runtime.advance(4_000);
  expect(isSettled, "a release that may be retried is covered").toBe(false);
  await runtime.advance(4_000);
  expect(isSettled).toBe(true);
  expect(runtime.sleeping).toEqual([]);
});

describe("a lock that was force-released while the work was running", () => {
  it("is not owned, even when its release is called again after a long outage", async () => {
    const { runtime, faulty, locks } = open((clock) => new MemoryDatabase({ runtime: clock }));
    const lock = await locks.acquire("a", { ttl: 30_000, autoRenew: false });
    await locks.forceRelease("a");
    const next = await locks.acquire("a", { ttl: 60_000, autoRenew: false });
    const outage = faulty.inject({ kind: "fail", operations: ["release"] });
    const unknown = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    await runtime.advance(12_000);
    await unknown;
    outage.remove();
    const notOwned = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await runtime.advance(10_000);
    await notOwned;
    await next.release();
  });

  it("makes withLock reject, however late the answer of its release is", async () => {
    const { runtime, faulty, locks } = open(
      (clock) => new MemoryDatabase({ runtime: clock, requestTimeout: 10_000 }),
    );
    faulty.inject({ kind: "delay", ms: 11_000, operations: ["release"], times: 1 });
    const work = locks.withLock("a", () => locks.forceRelease("a"), { ttl: 60_000 });
    const lost = expect(work).rejects.toMatchObject({ code: "LOCK_LOST" });
    await runtime.advance(30_000);
    await lost;
  });
});
