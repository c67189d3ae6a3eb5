import { describe, expect, it } from "vitest";
import { DatabaseError, LockService, type ReleaseOutcome } from "../../src/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

/** The default. */
const TTL_MS = 30_000;

function open() {
  const runtime = new ManualRuntime();
  const memory = new MemoryDatabase({ runtime });
  const database = new FaultyDatabase(memory, { runtime });
  const pledges: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
  const locks = new LockService({ database, runtime, waitUntil });
  let settled = false;
  /** Fails to acquire, and notes when nothing is left to do. */
  const failing = async (): Promise<void> => {
    await expect(locks.tryAcquire("a")).rejects.toMatchObject({ reason: "error" });
    void Promise.all(pledges).then(() => (settled = true));
  };
  return { runtime, memory, database, locks, failing, isSettled: () => settled };
}

describe("R11 in an outage", () => {
  it.each([
    ["a call", "fail"],
    ["a call whose sends are applied", "loseReply"],
  ] as const)(
    "%s sends at most six requests, and its waitUntil is over within the TTL",
    async (_, kind) => {
      const { runtime, database, failing, isSettled } = open();
      const outage = database.inject({ kind });
      const failed = failing();
      await runtime.advance(TTL_MS);
      await failed;
      expect(outage.hits).toBeLessThanOrEqual(6);
      expect(isSettled()).toBe(true);
      expect(runtime.sleeping).toEqual([]);
    },
  );

  it("a call without any answer within requestTimeout does not either", async () => {
    const { runtime, database, failing, isSettled } = open();
    const outage = database.inject({ kind: "delay", ms: 600_000 });
    const failed = failing();
    await runtime.advance(TTL_MS);
    await failed;
    expect(outage.hits).toBeLessThanOrEqual(6);
    expect(isSettled()).toBe(true);
  });

  it("the pauses of a compensation grow: it reaches a database that is back in half of the TTL", async () => {
    const { runtime, database, locks, failing } = open();
    database.inject({ kind: "loseReply", operations: ["acquire"] });
    const outage = database.inject({ kind: "fail", operations: ["release"] });
    const failed = failing();
    await runtime.advance(5_000);
    await failed;
    expect(await locks.isLocked("a"), "what no answer told of").toBe(true);
    outage.remove();
    await runtime.advance(TTL_MS / 2 - 5_000);
    expect(await locks.isLocked("a")).toBe(false);
  });

  it.each([
    ["reaches a database that is back", 20_000],
    ["is over within the TTL", Infinity],
  ])("a compensation that is refused for now %s", async (_, outageMs) => {
    const { runtime, memory, database, locks, failing, isSettled } = open();
    let asked = 0;
    const back = runtime.now().monotonic + outageMs;
    const release = memory.release.bind(memory);
    memory.release = async (request): Promise<ReleaseOutcome> => {
      asked += 1;
      if (runtime.now().monotonic > back) return release(request);
      throw new DatabaseError("not now", { applied: "no", retriable: true });
    };
    database.inject({ kind: "loseReply", operations: ["acquire"] });
    const failed = failing();
    await runtime.advance(29_000);
    await failed;
    if (outageMs < TTL_MS) expect(await locks.isLocked("a")).toBe(false);
    await runtime.advance(1_500);
    expect(isSettled()).toBe(true);
    expect([4, 5], "its sends").toContain(asked);
  });

  it("a held lock's release goes on until the TTL has passed, as long as it is not confirmed", async () => {
    const { runtime, database, locks } = open();
    const lock = await locks.acquire("a", { autoRenew: false });
    const outage = database.inject({ kind: "fail" });
    const unknown = expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    await runtime.advance(TTL_MS - 5_000);
    await unknown;
    outage.remove();
    await runtime.advance(4_000);
    expect(await locks.isLocked("a")).toBe(false);
  });
});
