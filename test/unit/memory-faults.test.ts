import { expect, it } from "vitest";
import { LockService } from "../../src/index.ts";
import {
  FaultyDatabase,
  ManualRuntime,
  MemoryDatabase,
  type Fault,
} from "../../src/testing/index.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

function scene(seed?: number): {
  runtime: ManualRuntime;
  memory: MemoryDatabase;
  faulty: FaultyDatabase;
} {
  const runtime = new ManualRuntime();
  const memory = new MemoryDatabase({ runtime });
  return { runtime, memory, faulty: new FaultyDatabase(memory, { runtime, seed }) };
}

const claim = { ownerHash: "key@a/1.2.0", processHash: "a/1.2", trace: undefined };

function create(faulty: FaultyDatabase): Promise<unknown> {
  return faulty.tryCreate("key", faulty.createLockData(claim), 10_000);
}

it("without faults it behaves like the database it wraps", async () => {
  const { memory, faulty, runtime } = scene();
  expect(faulty.capabilities).toEqual(memory.capabilities);
  expect(faulty.requestTimeout).toBe(memory.requestTimeout);
  const locks = new LockService({ database: faulty, runtime });
  const lock = await locks.acquire(["a", "b"], { autoRenew: false });
  await lock.extend(60_000);
  expect(await locks.inspect("a")).toMatchObject({ fence: lock.fence });
  expect(await locks.forceRelease("b")).toBe(true);
  const calls = (["acquire", "renew", "inspect", "forceDelete"] as const).map((name) =>
    faulty.calls(name),
  );
  expect(calls).toEqual([1, 1, 2, 1]);
  expect(runtime.pendingSleeps.length).toBeLessThanOrEqual(1);
});

it("a command that fails is not applied; the caller knows so only if the failure is definite", async () => {
  const { memory, faulty } = scene();
  const fault = faulty.inject({ kind: "fail", operations: ["tryCreate"], times: 1 });
  await expect(create(faulty)).rejects.toMatchObject({ applied: "unknown", retriable: true });
  expect(await memory.readLockData("key")).toBeNull();
  expect(fault.hits).toBe(1);
  faulty.inject({ kind: "fail", definite: true, times: 1 });
  await expect(create(faulty)).rejects.toMatchObject({ applied: "no", retriable: false });
  expect(await create(faulty)).toMatchObject({ status: "SUCCESS" });
});

it("a command whose answer is lost is applied", async () => {
  const { memory, faulty } = scene();
  faulty.inject({ kind: "loseReply", operations: ["tryCreate"] });
  await expect(create(faulty)).rejects.toMatchObject({ applied: "unknown" });
  expect(await memory.readLockData("key")).toMatchObject({ ownerHash: claim.ownerHash });
});

it("tryDelete answers a temporary failure with retriableError, as the contract requires", async () => {
  const { faulty } = scene();
  const fault = faulty.inject({ kind: "fail", operations: ["tryDelete"] });
  expect(await faulty.tryDelete("key", "a")).toMatchObject({
    retriableError: { applied: "unknown" },
  });
  fault.remove();
  expect(await faulty.tryDelete("key", "a")).toEqual({ status: "NO_KEY", lockData: null });
  faulty.inject({ kind: "fail", definite: true, operations: ["tryDelete"] });
  await expect(faulty.tryDelete("key", "a")).rejects.toMatchObject({ applied: "no" });
});

it("a delay holds back the request or the answer", async () => {
  const { memory, faulty, runtime } = scene();
  faulty.inject({ kind: "delay", ms: 500, times: 1 });
  const created = create(faulty);
  await runtime.advance(499);
  expect(await memory.readLockData("key")).toBeNull();
  await runtime.advance(1);
  expect(await created).toMatchObject({ status: "SUCCESS" });
  faulty.inject({ kind: "delay", ms: 500, on: "reply", times: 1 });
  let isAnswered = false;
  void faulty.tryDelete("key", claim.ownerHash).then(() => (isAnswered = true));
  await runtime.advance(499);
  expect([await memory.readLockData("key"), isAnswered]).toEqual([null, false]);
  await runtime.advance(1);
  expect(isAnswered).toBe(true);
  expect(runtime.pendingSleeps).toEqual([]);
});

it("a command delayed beyond the request timeout is unknown to its caller, and arrives late", async () => {
  const { memory, faulty, runtime } = scene();
  faulty.inject({ kind: "delay", ms: 5_000, times: 1 });
  const created = expect(create(faulty)).rejects.toMatchObject({ applied: "unknown" });
  await runtime.advance(faulty.requestTimeout);
  await created;
  expect(await memory.readLockData("key")).toBeNull();
  await runtime.advance(3_000);
  await faulty.settled();
  expect(await memory.readLockData("key")).not.toBeNull();
});

it("a duplicated command is applied twice, and answered by the chosen one", async () => {
  const { faulty } = scene();
  await create(faulty);
  const duplicate: Fault = { kind: "duplicate", operations: ["tryDelete"], times: 1 };
  faulty.inject(duplicate);
  expect(await faulty.tryDelete("key", claim.ownerHash)).toMatchObject({ status: "SUCCESS" });
  await create(faulty);
  faulty.inject({ ...duplicate, reply: "second" });
  expect(await faulty.tryDelete("key", claim.ownerHash)).toMatchObject({ status: "NO_KEY" });
});

it("a fault hits the chosen operations: after skip, at most times, until it is removed", async () => {
  const { faulty } = scene();
  const fault = faulty.inject({ kind: "fail", operations: ["inspect"], skip: 1, times: 2 });
  const outcomes = [];
  for (let call = 1; call <= 4; call += 1) {
    outcomes.push(await faulty.inspect("key").catch(() => "failed"));
    await faulty.readLockData("key");
  }
  expect(outcomes).toEqual([null, "failed", "failed", null]);
  expect([fault.hits, faulty.calls("inspect")]).toEqual([2, 4]);
  faulty.inject({ kind: "fail" });
  faulty.clearFaults();
  expect(await faulty.inspect("key")).toBeNull();
});

it("the seed determines which commands a fault hits", async () => {
  const run = async (seed: number): Promise<number[]> => {
    const { faulty } = scene(seed);
    const fault = faulty.inject({ kind: "fail", probability: 0.5 });
    const hits = [];
    for (let call = 1; call <= 50; call += 1) {
      await faulty.inspect("key").catch(() => undefined);
      hits.push(fault.hits);
    }
    return hits;
  };
  const hits = await run(3);
  expect(await run(3)).toEqual(hits);
  expect(await run(4)).not.toEqual(hits);
  expect(hits.at(-1)).toBeGreaterThan(10);
  expect(hits.at(-1)).toBeLessThan(40);
});

it("several faults take effect together, the oldest closest to the caller", async () => {
  const { memory, faulty, runtime } = scene();
  const delay = faulty.inject({ kind: "delay", ms: 100 });
  const lost = faulty.inject({ kind: "loseReply" });
  const created = expect(create(faulty)).rejects.toMatchObject({ applied: "unknown" });
  await runtime.advance(100);
  await created;
  expect([delay.hits, lost.hits]).toEqual([1, 1]);
  expect(await memory.readLockData("key")).not.toBeNull();
});

it("a lock service survives lost answers: one lock, released, nothing left", async () => {
  const { memory, faulty, runtime } = scene();
  faulty.inject({ kind: "loseReply", operations: ["acquire", "release"], times: 2 });
  const locks = new LockService({ database: faulty, runtime });
  const done = locks.withLock("key", () => "done", { autoRenew: false });
  await runtime.advance(1_000);
  expect(await done).toBe("done");
  expect(await memory.inspect("key")).toBeNull();
  expect(runtime.pendingSleeps).toEqual([]);
});

it("it wraps a database of primitives, including its process data", async () => {
  const faulty = new FaultyDatabase(new MinimalDatabase());
  faulty.inject({ kind: "duplicate" });
  await faulty.saveProcessData("a/1.2", faulty.createProcessData(), 10_000);
  expect(await faulty.readProcessData("a/1.2")).toEqual({ aliveAt: expect.any(String) });
  expect(await create(faulty)).toMatchObject({ status: "SUCCESS" });
  const lockData = faulty.createLockData(claim);
  const updated = await faulty.tryUpdate("key", lockData, 10_000, claim.ownerHash);
  expect(updated).toMatchObject({ status: "SUCCESS" });
  await faulty.terminate();
});

it("wrong faults are refused, naming what is wrong", () => {
  const { faulty } = scene();
  expect(() => faulty.inject({ kind: "fail", probability: 2 })).toThrow(/^probability: /);
  expect(() => faulty.inject({ kind: "fail", times: 0 })).toThrow(/^times: /);
  expect(() => faulty.inject({ kind: "fail", skip: -1 })).toThrow(/^skip: /);
  expect(() => faulty.inject({ kind: "delay", ms: -1 })).toThrow(/^ms: /);
  expect(() => scene(-1)).toThrow(/^seed: /);
});

it.each<[string, object, string, RegExp]>([
  ["field", { kind: "fail", time: 1 }, "time", /fault of kind "fail"; did you mean "times"\?/],
  ["field of another kind", { kind: "loseReply", ms: 5 }, "ms", /loseReply", which takes kind, /],
  ["kind", { kind: "lose" }, "kind", /"loseReply".* but is "lose"/],
  ["kind, of none", {}, "kind", /"fail".* but is undefined/],
  ["operation", { kind: "fail", operations: ["aquire"] }, "operations", /"acquire".*"aquire"/],
  ["list of operations", { kind: "fail", operations: "acquire" }, "operations", /"acquire"/],
  ["direction", { kind: "delay", ms: 5, on: "answer" }, "on", /"request", "reply".*"answer"/],
  ["reply", { kind: "duplicate", reply: "last" }, "reply", /"first", "second".*"last"/],
  ["certainty", { kind: "fail", definite: "yes" }, "definite", /boolean.*"yes"/],
])("a fault with a wrong %s is refused: %o", (_, fault, option, message) => {
  const inject = (): unknown => scene().faulty.inject(fault as Fault);
  expect(inject).toThrow(expect.objectContaining({ option }));
  expect(inject).toThrow(message);
});
