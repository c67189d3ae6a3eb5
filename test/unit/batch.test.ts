import { expect, it } from "vitest";
import { LockService } from "../../src/index.ts";
import { FaultyDatabase, ManualRuntime, MemoryDatabase } from "../../src/testing/index.ts";

it("O7 what was given up while it waited for its turn in a batch is never sent", async () => {
  const runtime = new ManualRuntime({ seed: 1 });
  const database = new FaultyDatabase(new MemoryDatabase({ runtime }), { runtime });
  database.inject({ kind: "fail", operations: ["admit"], times: 1 });
  const abort = new AbortController();
  const batch = new LockService({ database, runtime }).onceEach(["a", "b", "c", "d"], {
    key: (item) => item,
    work: (item) => item,
    signal: abort.signal,
  });
  await runtime.advance(10);
  // All are sent again, each in its own time: the first hangs, and the others wait for it.
  database.inject({ kind: "delay", operations: ["admit"], ms: 1_000, times: 1 });
  await runtime.advance(500);
  expect(database.calls("admit")).toBe(2);
  abort.abort();
  await runtime.advance(60_000);
  const outcomes = await batch;
  expect(outcomes.map(({ status }) => status)).toEqual(["failed", "failed", "failed", "failed"]);
  expect(database.calls("admit"), "once nobody waits for them").toBe(2);
});
