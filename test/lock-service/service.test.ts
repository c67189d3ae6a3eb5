import { describe, expect, it, vi } from "vitest";
import { LockAcquisitionError, type LockEvent } from "../../src/index.ts";
import { StoredLock, THIEF } from "../support/fault-keys.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

describe("keyPrefix", () => {
  it("prefixes every key in Redis, and no name that users see", async () => {
    const rest = rests.open();
    const locks = rest.locks({ keyPrefix: "shop:" });
    const seen: LockEvent[] = [];
    locks.events.subscribe((event) => seen.push(event));
    const lock = await locks.acquire(["a", "b"]);
    const stored = new StoredLock(rest, "shop:b");
    expect(await stored.pttl()).toBeGreaterThan(0);
    expect(lock.keys).toEqual(["a", "b"]);
    const refusal: unknown = await locks
      .acquire("b", { retry: { maxRetries: 0 } })
      .catch((thrown: unknown) => thrown);
    expect(refusal).toMatchObject({ lockKey: "b" });
    expect(String(refusal)).not.toContain("shop:");
    expect([await locks.isLocked("b"), await rest.locks().isLocked("b")]).toEqual([true, false]);
    await lock.release();
    expect(seen).toMatchObject([
      { type: "acquired", keys: ["a", "b"] },
      { type: "busy", key: "b" },
      { type: "acquireFailed", key: "b" },
      { type: "released", keys: ["a", "b"] },
    ]);
  });
});

describe("events", () => {
  it("report an acquisition, a refusal and a release, in this order and nothing else", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const seen: LockEvent[] = [];
    locks.events.subscribe((event) => seen.push(event));
    const lock = await locks.acquire("a", { trace: "holder" });
    expect(await locks.tryAcquire("a", { trace: "other" })).toBeNull();
    await lock.release();
    const ms: unknown = expect.any(Number);
    const held = { keys: ["a"], token: lock.token, trace: "holder" };
    const refused = { key: "a", trace: "other" };
    expect(seen).toEqual([
      { type: "acquired", ...held, fence: lock.fence, waitedMs: ms },
      { type: "busy", ...refused, remainingMs: ms, attempt: 1 },
      { type: "acquireFailed", ...refused, reason: "held", waitedMs: ms },
      { type: "released", ...held, heldMs: ms },
    ]);
    // A refused caller's events are not the place to learn who the holder is.
    for (const event of seen.filter((one) => "key" in one)) {
      expect(JSON.stringify(event)).not.toContain(lock.token);
    }
  });

  it("acquireFailed tells why each call ended without the lock", async () => {
    const rest = rests.open();
    const reasons: unknown[] = [];
    const onEvent = (event: LockEvent): void => {
      if (event.type === "acquireFailed") reasons.push(event.reason);
    };
    const locks = rest.locks({ onEvent });
    const lock = await locks.acquire("a");
    await expect(locks.acquire("a", { waitTimeout: 30 })).rejects.toThrow(LockAcquisitionError);
    await expect(locks.acquire("b", { signal: AbortSignal.abort() })).rejects.toThrow();
    rest.session.faults.add({
      kind: "error-json",
      error: "NOPERM no permissions",
      script: "acquire",
    });
    await expect(locks.acquire("c")).rejects.toThrow(LockAcquisitionError);
    rest.session.faults.clear();
    expect(reasons).toEqual(["timeout", "aborted", "error"]);
    await lock.release();
  });

  it("report a takeover from a dead holder, before the acquisition", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const seen: string[] = [];
    locks.events.subscribe(({ type }) => seen.push(type));
    await orphan(rest);
    await locks.withLock("a", () => undefined);
    expect(seen).toEqual(["takeover", "acquired", "released"]);
  });

  it("of a bound service reach the listeners of the service it came from, and vice versa", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const bound = locks.forRequest({});
    const [atService, atBound]: [string[], string[]] = [[], []];
    locks.events.subscribe(({ type }) => atService.push(type));
    bound.forRequest({}).events.subscribe(({ type }) => atBound.push(type));
    await bound.withLock("a", () => undefined);
    await locks.withLock("a", () => undefined);
    expect(atService).toEqual(["acquired", "released", "acquired", "released"]);
    expect(atBound).toEqual(atService);
  });

  it("do not disturb the work when a listener throws", async () => {
    const reported = vi.spyOn(console, "error").mockImplementation(() => {});
    const locks = rests.open().locks();
    locks.events.subscribe(() => {
      throw new Error("from the listener");
    });
    expect(await locks.withLock("a", () => 1)).toBe(1);
    expect(reported).toHaveBeenCalledTimes(2);
    reported.mockRestore();
  });
});

describe("isLocked and inspect", () => {
  it("find nothing at a free key", async () => {
    const locks = rests.open().locks();
    expect(await locks.isLocked("a")).toBe(false);
    expect(await locks.inspect("a")).toBeNull();
  });

  it("report who holds a lock, since when, for how long and why", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const lock = await locks.acquire("a", { trace: "job 7", ttl: 20_000 });
    expect(await locks.isLocked("a")).toBe(true);
    const info = await locks.inspect("a");
    expect(info).toEqual({
      holder: lock.token,
      trace: "job 7",
      fence: lock.fence,
      remainingMs: expect.any(Number),
      alive: true,
      acquiredAt: expect.stringMatching(/^\d{4}-.*Z$/),
      extendedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(info?.remainingMs).toBeGreaterThan(10_000);
    expect(info?.remainingMs).toBeLessThanOrEqual(20_000);
    expect(rest.session.counters.byScript["inspect"]).toBe(2);
    await lock.release();
  });

  it("report that a dead holder's lock is there, but would not block an acquire", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await orphan(rest);
    expect(await locks.isLocked("a")).toBe(false);
    expect(await locks.inspect("a")).toMatchObject({ alive: false, trace: null });
    const lock = await locks.tryAcquire("a");
    expect(lock).not.toBeNull();
    await lock?.release();
  });

  it("report an unreadable record as held, by an unknown holder", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    await rest.command("SET", stored.name, "{not json");
    const locks = rest.locks();
    expect(await locks.isLocked("a")).toBe(true);
    expect(await locks.inspect("a")).toMatchObject({ holder: null, remainingMs: null });
    expect(await locks.tryAcquire("a")).toBeNull();
    expect(await locks.forceRelease("a")).toBe(true);
    expect(await locks.isLocked("a")).toBe(false);
  });

  it("ask again when an answer is lost, and throw rather than guess without one", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    rest.session.faults.add({ kind: "drop-response", script: "inspect", times: 1 });
    expect(await locks.isLocked("a")).toBe(false);
    rest.session.faults.add({ kind: "drop-request", script: "inspect" });
    await expect(locks.isLocked("a")).rejects.toMatchObject({ code: "LOCK_DATABASE" });
    await expect(locks.inspect("a")).rejects.toMatchObject({ code: "LOCK_DATABASE" });
  });
});

describe("forceRelease", () => {
  it("takes a lock from its holder, and reports whether there was one", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    expect(await locks.forceRelease("a")).toBe(false);
    const lock = await locks.acquire("a");
    expect(await locks.forceRelease("a")).toBe(true);
    expect(await locks.forceRelease("a")).toBe(false);
    const next = await locks.acquire("a");
    expect(next.fence).toBeGreaterThan(lock.fence ?? Infinity);
    expect([await lock.isHeld(), await next.isHeld()]).toEqual([false, true]);
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    await next.release();
  });

  it("deletes only the owner it has seen: one that acquired in between keeps its lock", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const stored = new StoredLock(rest, "a");
    const lock = await locks.acquire("a");
    const { promise: stolen, resolve } = Promise.withResolvers<void>();
    const { session } = rest;
    session.faults.add({ kind: "delay-request", script: "force-delete", until: stolen });
    const forcing = locks.forceRelease("a");
    await vi.waitFor(() => expect(session.counters.byScript["force-delete"]).toBe(1), 10_000);
    await stored.steal();
    resolve();
    expect(await forcing).toBe(false);
    expect(await stored.record()).toMatchObject({ processHash: THIEF });
    await lock[Symbol.asyncDispose]();
    await stored.vanish();
  });

  it.each(["other garbage", "a lock"])(
    "deletes only the garbage it has seen: %s written in between stays",
    async (successor) => {
      const rest = rests.open();
      const stored = new StoredLock(rest, "a");
      await rest.command("SET", stored.name, "garbage");
      const { promise: replaced, resolve } = Promise.withResolvers<void>();
      const { session } = rest;
      session.faults.add({ kind: "delay-request", script: "force-delete", until: replaced });
      const forcing = rest.locks().forceRelease("a");
      await vi.waitFor(() => expect(session.counters.byScript["force-delete"]).toBe(1), 10_000);
      await (successor === "a lock"
        ? stored.steal()
        : rest.command("SET", stored.name, "other garbage"));
      const raw = await rest.command("GET", stored.name);
      resolve();
      expect(await forcing).toBe(false);
      expect(await rest.command("GET", stored.name)).toBe(raw);
      await stored.vanish();
    },
  );

  it("is safe to send twice: after a lost answer it is sent again, and still resolves to true", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const lock = await locks.acquire("a");
    rest.session.faults.add({ kind: "drop-response", script: "force-delete", times: 1 });
    expect(await locks.forceRelease("a")).toBe(true);
    expect(rest.session.counters.byScript["force-delete"]).toBe(2);
    await lock[Symbol.asyncDispose]();
  });
});

/** Leaves at "a" the lock of a dead process, which will not expire for a long time. */
async function orphan(rest: Rest): Promise<void> {
  const stored = new StoredLock(rest, "a");
  await stored.steal(600_000);
  const record = { ...(await stored.record()), livenessMs: 10_000 };
  await rest.command("SET", stored.name, JSON.stringify(record), "PX", 600_000);
}
