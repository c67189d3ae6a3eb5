import { describe, expect, it } from "vitest";
import { LockService, isHeldByAnother, type Lock, type LockEvent } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";

interface Scene {
  readonly runtime: ManualRuntime;
  readonly database: MemoryDatabase;
  /** The request, and the consumer of a queue: two processes on one database. */
  readonly request: LockService;
  readonly consumer: LockService;
  readonly events: LockEvent[];
}

function open(): Scene {
  const runtime = new ManualRuntime();
  const database = new MemoryDatabase({ runtime });
  const events: LockEvent[] = [];
  const onEvent = (event: LockEvent): void => void events.push(event);
  const process2 = new MemoryDatabase({ runtime, store: database.store });
  const request = new LockService({ database, runtime, onEvent });
  const consumer = new LockService({ database: process2, runtime, onEvent });
  return { runtime, database, request, consumer, events };
}

const tokenOf = (handOff: string): string => JSON.parse(handOff).processHash;

describe("a lock that is detached", () => {
  it("has ended here: its signal says why, it is not renewed, and it cannot be released", async () => {
    const { runtime, request, events } = open();
    const lock = await request.acquire("a", { ttl: 3_000 });
    await runtime.advance(500);
    lock.detach();
    expect(lock.isDetached).toBe(true);
    expect(lock.isAutoRenewing).toBe(false);
    expect(lock.signal.reason).toMatchObject({ code: "LOCK_LOST", lockKey: "a" });
    expect(String(lock.signal.reason)).toContain("it was detached");
    const refused = expect.objectContaining({
      code: "LOCK_LOST",
      message: expect.stringContaining("it was detached"),
    });
    expect(() => lock.assertHeld()).toThrow(refused);
    expect(() => lock.detach()).toThrow(refused);
    await expect(lock.release()).rejects.toEqual(refused);
    await expect(lock.extend(5_000)).rejects.toMatchObject({ code: "LOCK_EXTENSION" });
    expect(await lock.isHeld()).toBe(false);
    await lock[Symbol.asyncDispose]();
    expect(await request.isLocked("a"), "nothing has released it").toBe(true);
    expect(runtime.pendingSleeps).toEqual([]);
    await runtime.advance(2_500);
    expect(await request.isLocked("a"), "nothing has renewed it").toBe(false);
    expect(events.map(({ type }) => type)).toEqual(["acquired", "detached"]);
    expect(events[1]).toMatchObject({ keys: ["a"], token: lock.token, heldMs: 500 });
  });

  it("is over for the request: its waitUntil settles, and it holds the key no more", async () => {
    const { runtime, database } = open();
    const pledges: Promise<unknown>[] = [];
    const service = new LockService({ database, runtime });
    const bound = service.forRequest({ waitUntil: (promise) => void pledges.push(promise) });
    const lock = await bound.acquire("a");
    lock.detach();
    await Promise.all(pledges);
    expect(bound.holds("a")).toBe(false);
  });

  it.each(["lost", "released"] as const)("cannot be one that is %s", async (how) => {
    const { runtime, request } = open();
    const lock = await request.acquire("a", { ttl: 1_000, autoRenew: false });
    if (how === "lost") await runtime.advance(1_000);
    else await lock.release();
    const code = how === "lost" ? "LOCK_LOST" : "LOCK_NOT_OWNED";
    expect(() => lock.detach()).toThrow(expect.objectContaining({ code }));
  });

  it("is not released by withLock, which returns the result", async () => {
    const { request, consumer } = open();
    const handOff = await request.withLock("a", (lock) => lock.detach());
    expect(await request.isLocked("a")).toBe(true);
    await (await consumer.attach(handOff)).release();
  });

  it("is released when the work fails after it was detached, as a failed send to a queue, unless it was attached", async () => {
    const { request, consumer } = open();
    const failing = new Error("the queue is down");
    let handOff = "";
    const failed = request.withLock("a", (lock) => {
      handOff = lock.detach();
      throw failing;
    });
    await expect(failed).rejects.toBe(failing);
    expect(await request.isLocked("a")).toBe(false);
    await expect(consumer.attach(handOff)).rejects.toMatchObject({ code: "LOCK_LOST" });
    let attached: Lock | undefined;
    const late = request.withLock("a", async (lock) => {
      attached = await consumer.attach(lock.detach());
      throw failing;
    });
    await expect(late).rejects.toBe(failing);
    expect(await attached?.isHeld()).toBe(true);
    await attached?.release();
  });

  it("lasts as long as it was extended for", async () => {
    const { runtime, request, consumer } = open();
    const lock = await request.acquire("a", { ttl: 1_000 });
    await lock.extend(60_000);
    const handOff = lock.detach();
    await runtime.advance(59_000);
    await (await consumer.attach(handOff)).release();
  });
});

describe("an attach", () => {
  it("goes on with the lock under a new token and a higher fence, and renews it", async () => {
    const { runtime, request, consumer } = open();
    const old = await request.acquire("a", { ttl: 3_000, trace: "request @1" });
    await runtime.advance(500);
    const lock = await consumer.attach(old.detach(), { ttl: 1_000, trace: "consumer" });
    expect(lock.token).not.toBe(old.token);
    expect(lock.fence).toBeGreaterThan(old.fence ?? Infinity);
    expect(lock).toMatchObject({ keys: ["a"], ttl: 1_000, trace: "consumer" });
    await runtime.advance(5_000);
    lock.assertHeld();
    expect(await consumer.inspect("a")).toMatchObject({ holder: lock.token, fence: lock.fence });
    await lock.release();
    expect(await request.isLocked("a")).toBe(false);
  });

  it("is valid from when it was sent", async () => {
    const { runtime, request, consumer } = open();
    const old = await request.acquire("a", { ttl: 60_000 });
    await runtime.advance(500);
    const lock = await consumer.attach(old.detach(), { ttl: 1_000, autoRenew: false });
    expect(lock.acquiredAt.getTime()).toBe(runtime.now().wall);
    expect(lock.expiresAt.getTime()).toBe(runtime.now().wall + 1_000);
    await runtime.advance(980);
    expect(lock.signal.aborted).toBe(true);
  });

  it("goes on with several keys together", async () => {
    const { request, consumer } = open();
    const old = await request.acquire(["a", "b"]);
    const lock = await consumer.attach(old.detach());
    expect(lock.keys).toEqual(["a", "b"]);
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await request.isLocked("b")).toBe(false);
  });

  it("succeeds once: at the same time, and later, it is refused", async () => {
    const { request, consumer, events } = open();
    const handOff = (await request.acquire("a")).detach();
    const both = await Promise.allSettled([consumer.attach(handOff), request.attach(handOff)]);
    const [lock, ...others] = both
      .filter((one): one is PromiseFulfilledResult<Lock> => one.status === "fulfilled")
      .map(({ value }) => value);
    expect(others).toEqual([]);
    const refusal = both.find((one) => one.status === "rejected");
    expect(isHeldByAnother(refusal?.reason)).toBe(true);
    expect(refusal?.reason).toMatchObject({ reason: "held", lockKey: "a" });
    expect(events.at(-1)).toMatchObject({ type: "acquireFailed", key: "a", reason: "held" });
    await lock?.release();
    await expect(consumer.attach(handOff)).rejects.toMatchObject({
      code: "LOCK_LOST",
      message: expect.stringContaining("it was attached before"),
    });
    expect(events.at(-1)).toMatchObject({ type: "acquireFailed", key: "a", reason: "held" });
    expect(await request.isLocked("a")).toBe(false);
  });

  it("after the TTL is refused, and takes no key that is free", async () => {
    const { runtime, request, consumer } = open();
    const handOff = (await request.acquire("a", { ttl: 1_000 })).detach();
    await runtime.advance(1_000);
    await expect(consumer.attach(handOff)).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(await consumer.isLocked("a")).toBe(false);
    await (await request.acquire("a")).release();
  });

  it("after a force is refused, also when another holds the lock by then", async () => {
    const { request, consumer } = open();
    const handOff = (await request.acquire("a")).detach();
    expect(await request.forceRelease("a")).toBe(true);
    await expect(consumer.attach(handOff)).rejects.toMatchObject({ code: "LOCK_LOST" });
    const next = await request.acquire("a");
    await expect(consumer.attach(handOff)).rejects.toSatisfy(isHeldByAnother);
    expect(await next.isHeld()).toBe(true);
    await next.release();
  });

  it("of a string by another service, or of none, is refused before anything is sent", async () => {
    const { database, runtime, request } = open();
    const handOff = (await request.acquire("a")).detach();
    const other = new LockService({ database, runtime, keyPrefix: "other:" });
    const parts = JSON.parse(handOff);
    const changed = (change: object): string => JSON.stringify({ ...parts, ...change });
    const strings: readonly unknown[] = [
      "",
      "null",
      "[]",
      "{}",
      "{",
      undefined,
      parts,
      handOff.slice(0, -1),
      changed({ leasehold: 2 }),
      changed({ fence: "x" }),
      changed({ fence: undefined }),
      changed({ processHash: 1 }),
      changed({ trace: 1 }),
      changed({ keys: [] }),
      changed({ keys: [1] }),
      changed({ keys: ["a", "a"] }),
      changed({ keys: undefined }),
      changed({ keyPrefix: 1 }),
    ];
    const secret = tokenOf(handOff);
    const before = database.store.names();
    for (const text of strings) {
      const error = await request.attach(text as string).catch((thrown: unknown) => thrown);
      expect(error, String(text)).toMatchObject({ code: "LOCK_CONFIGURATION" });
      expect(JSON.stringify([error, String(error)])).not.toContain(secret);
    }
    await expect(other.attach(handOff)).rejects.toMatchObject({
      option: "handOff",
      message: expect.stringContaining("its keyPrefix is not"),
    });
    expect(database.store.names()).toEqual(before);
    await (await request.attach(handOff)).release();
  });

  it("of a lock that the string does not fit is refused, and its holder stays", async () => {
    const { request } = open();
    const [a, b] = [await request.acquire("a"), await request.acquire("b")];
    const handOff = JSON.stringify({ ...JSON.parse(a.detach()), keys: ["b"] });
    await expect(request.attach(handOff)).rejects.toSatisfy(isHeldByAnother);
    expect(await b.isHeld()).toBe(true);
    await b.release();
  });

  it("tells nobody the token of the lock that was detached", async () => {
    const { request, consumer, events } = open();
    const handOff = (await request.acquire("a")).detach();
    const secret = tokenOf(handOff);
    const from = events.length;
    await (await consumer.attach(handOff)).release();
    const error = await consumer.attach(handOff).catch((thrown: unknown) => thrown);
    expect(JSON.stringify([events.slice(from), error, String(error)])).not.toContain(secret);
  });
});

describe("a database that cannot hand locks off", () => {
  it("says so, to detach and to attach, and the lock stays held", async () => {
    const runtime = new ManualRuntime();
    const locks = new LockService({ database: new MinimalDatabase(), runtime });
    const lock = await locks.acquire("a");
    const refused = expect.objectContaining({
      code: "LOCK_CONFIGURATION",
      message: expect.stringContaining("MinimalDatabase cannot hand a lock off"),
    });
    expect(() => lock.detach()).toThrow(refused);
    lock.assertHeld();
    await lock.release();
    await expect(locks.attach("")).rejects.toEqual(refused);
  });
});
