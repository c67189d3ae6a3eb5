import { expect, it } from "vitest";
import { LockService, type JobWork, type LockEvent } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";

/** A request and the consumer of a queue, on one database, and what the request put into the queue. */
function open() {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  const events: LockEvent[] = [];
  const request = new LockService({ database, runtime, onEvent: (event) => events.push(event) });
  const process2 = new MemoryDatabase({ runtime, store: database.store });
  const consumer = new LockService({ database: process2, runtime });
  const queue: string[] = [];
  const enqueue: JobWork<number | undefined> = async (lock) => {
    queue.push(lock.detach());
    return undefined;
  };
  return { runtime, database, request, consumer, queue, enqueue, events };
}

it("a job that is admitted here is completed by who attaches it, and is remembered", async () => {
  const { request, consumer, queue, enqueue } = open();
  const running = { status: "running", remainingMs: 30_000 };
  expect(await request.once("job", enqueue)).toEqual(running);
  expect(await request.once("job", enqueue), "a duplicate").toEqual(running);
  expect(queue).toHaveLength(1);
  const [attach] = queue;
  const ran = await consumer.once("job", (lock) => lock.fence, { attach });
  expect(ran).toMatchObject({ status: "ran", remembered: "result" });
  const again = await consumer.once("job", () => 2, { attach });
  expect(again).toMatchObject({ status: "remembered", hasResult: true });
  expect(await request.once("job", enqueue)).toMatchObject({ status: "remembered" });
  expect(await request.isLocked("once:job")).toBe(false);
});

it("a message delivered twice runs once at a time", async () => {
  const { request, consumer, queue, enqueue } = open();
  await request.once("job", enqueue);
  const [attach] = queue;
  let runs = 0;
  const work = async (): Promise<number> => {
    expect(await consumer.once("job", () => (runs += 1), { attach })).toMatchObject({
      status: "running",
    });
    return (runs += 1);
  };
  expect(await consumer.once("job", work, { attach })).toMatchObject({ status: "ran", result: 1 });
  expect(runs).toBe(1);
});

it("a job whose lock has ended before it is attached runs all the same", async () => {
  const { runtime, request, consumer, queue, enqueue } = open();
  await request.once("job", enqueue, { ttl: 1_000 });
  await runtime.advance(1_000);
  const [attach] = queue;
  expect(await consumer.once("job", () => 1, { attach })).toMatchObject({ status: "ran" });
});

it("a job whose run has failed in the consumer runs again when its message returns", async () => {
  const { request, consumer, queue, enqueue } = open();
  await request.once("job", enqueue);
  const [attach] = queue;
  const failing = (): number => {
    throw new Error("the provider is down");
  };
  await expect(consumer.once("job", failing, { attach })).rejects.toThrow("the provider is down");
  expect(await consumer.once("job", () => 1, { attach })).toMatchObject({ status: "ran" });
});

it("a job that could not be enqueued may run again at once", async () => {
  const { request, enqueue } = open();
  const failed = request.once("job", async (lock) => {
    await enqueue(lock);
    throw new Error("the queue is down");
  });
  await expect(failed).rejects.toThrow("the queue is down");
  expect(await request.once("job", () => 1)).toMatchObject({ status: "ran" });
});

it("who joins and detaches waits for the result of who attaches", async () => {
  const { runtime, request, consumer, queue, enqueue } = open();
  const joined = request.once("job", enqueue, { ifRunning: "join" });
  await runtime.advance(0);
  await consumer.once("job", () => 7, { attach: queue[0] });
  await runtime.advance(1_000);
  expect(await joined).toMatchObject({ status: "remembered", result: 7 });
});

it("who joins and detaches fails, and does not enqueue again, when nobody attaches", async () => {
  const { runtime, request, queue, enqueue } = open();
  const joined = request
    .once("job", enqueue, { ifRunning: "join", ttl: 1_000 })
    .catch((error: unknown) => error);
  await runtime.advance(3_000);
  expect(await joined).toMatchObject({ code: "LOCK_ACQUISITION", reason: "error" });
  expect(queue).toHaveLength(1);
  expect(await request.isLocked("once:job")).toBe(false);
});

it("a batch of messages attaches each its own job", async () => {
  const { runtime, request, consumer, queue, enqueue } = open();
  for (const key of ["a", "b"]) await request.once(key, enqueue);
  const messages = ["a", "b", "c"].map((id, at) => ({ id, attach: queue[at] }));
  const outcomes = consumer.onceEach(messages, {
    key: ({ id }) => id,
    attach: ({ attach }) => attach,
    work: ({ id }) => id,
  });
  // What is asked for in one turn goes together.
  await runtime.advance(10);
  await runtime.advance(10);
  const statuses = (await outcomes).map(({ status }) => status);
  expect(statuses).toEqual(["ran", "ran", "ran"]);
  expect(await Promise.all(["a", "b"].map((key) => consumer.isLocked(`once:${key}`)))).toEqual([
    false,
    false,
  ]);
});

it("a string of another job, of a lock or of none is refused, and a job's cannot be attached as a lock", async () => {
  const { request, consumer, queue, enqueue, database } = open();
  await request.once("job", enqueue);
  const [attach] = queue;
  const lock = (await request.acquire("job")).detach();
  const before = database.store.names();
  for (const text of [lock, "", "{}"]) {
    const refused = consumer.once("job", () => 1, { attach: text });
    await expect(refused).rejects.toMatchObject({ code: "LOCK_CONFIGURATION", option: "attach" });
  }
  await expect(consumer.once("other", () => 1, { attach })).rejects.toMatchObject({
    option: "attach",
    message: expect.stringContaining('is of another lock than that of the job "other"'),
  });
  await expect(consumer.attach(attach ?? "")).rejects.toMatchObject({
    code: "LOCK_CONFIGURATION",
    message: expect.stringContaining('"once:'),
  });
  expect(database.store.names()).toEqual(before);
});
