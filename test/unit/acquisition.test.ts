import { expect, it } from "vitest";
import { DatabaseError, LockService, type AcquireOutcome } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

const ANSWER_MS = 50;

/** Answers "not now", each time after a while. */
class LoadingDatabase extends MemoryDatabase {
  asked = 0;
  released = 0;

  override async acquire(): Promise<AcquireOutcome> {
    this.asked += 1;
    const loading = (async () => {
      await this.runtime.sleep(ANSWER_MS);
      throw new DatabaseError("LOADING", { applied: "no", retriable: true });
    })();
    return this.bounded("acquire", loading);
  }

  override async release(
    ...request: Parameters<MemoryDatabase["release"]>
  ): ReturnType<MemoryDatabase["release"]> {
    this.released += 1;
    return super.release(...request);
  }
}

it("who is told 'not now' does not ask again with less time than that answer took", async () => {
  const runtime = new ManualRuntime();
  // Asked at 0, 150 and 400 ms; what a fourth send at 850 ms were left would make its fate unknown.
  const database = new LoadingDatabase({ runtime, requestTimeout: 870 });
  const locks = new LockService({ database, runtime });
  const outcome = expect(locks.tryAcquire("a")).rejects.toMatchObject({
    reason: "error",
    cause: { message: "LOADING", applied: "no" },
  });
  await runtime.advance(2_000);
  await outcome;
  expect([database.asked, database.released]).toEqual([3, 0]);
});
