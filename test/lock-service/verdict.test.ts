import { describe, expect, it } from "vitest";
import { LockLostError, systemRuntime, type Instant } from "../../src/index.ts";
import { StoredLock, THIEF } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const DONE = { charged: 17 };

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

describe("R12 the outcome of the release decides whether the result of withLock can be relied on:", () => {
  it("R12 the result is returned after a blip that aborted the signal, if Redis kept the lock", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    let wasAborted = false;
    const result = await rest.locks({ runtime: clock }).withLock(
      "a",
      async (lock) => {
        const heal = rest.session.faults.add({ kind: "drop-request", script: "renew" });
        await clock.advance(30_000);
        heal();
        wasAborted = lock.signal.aborted;
        return DONE;
      },
      { ttl: 30_000 },
    );
    expect(wasAborted).toBe(true);
    expect(result).toBe(DONE);
  });

  it("R12 it rejects with the result when the lock was stolen, noticed or not", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const work = async (): Promise<typeof DONE> => {
      await stored.steal();
      return DONE;
    };
    const error = await rejectionOf(rest.locks().withLock("a", work));
    expect(error).toBeInstanceOf(LockLostError);
    expect(error).toMatchObject({ lockKey: "a", cause: { code: "LOCK_NOT_OWNED" } });
    expect((error as LockLostError).result).toBe(DONE);
    expect(await stored.record()).toMatchObject({ processHash: THIEF });
    await stored.vanish();
  });

  it.each<[string, (stored: StoredLock) => Promise<void>]>([
    ["had vanished", (stored) => stored.vanish()],
    ["had reappeared under another fence", (stored) => stored.refence(1)],
  ])("R12 it rejects with the result when the lock %s", async (_, interfere) => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const work = async (): Promise<typeof DONE> => {
      await interfere(stored);
      return DONE;
    };
    const error = await rejectionOf(rest.locks().withLock("a", work));
    expect(error).toBeInstanceOf(LockLostError);
    expect((error as LockLostError).result).toBe(DONE);
  });

  it("R12 a release without an answer returns the result if the lock was valid at the end", async () => {
    const rest = rests.open();
    const work = async (): Promise<typeof DONE> => {
      rest.session.faults.add({ kind: "drop-request", script: "release", times: 3 });
      return DONE;
    };
    expect(await rest.locks().withLock("a", work)).toBe(DONE);
  });

  it("R12 a release without an answer rejects with the result if the lock had expired", async () => {
    const rest = rests.open();
    let jumpMs = 0;
    const now = (): Instant => {
      const { wall, monotonic } = systemRuntime.now();
      return { wall: wall + jumpMs, monotonic };
    };
    const locks = rest.locks({ runtime: { ...systemRuntime, now } });
    const work = (): typeof DONE => {
      rest.session.faults.add({ kind: "error-html", script: "release", times: 3 });
      jumpMs = 30_000;
      return DONE;
    };
    const error = await rejectionOf(locks.withLock("a", work, { ttl: 30_000 }));
    expect(error).toBeInstanceOf(LockLostError);
    expect(error).toMatchObject({ cause: { code: "LOCK_RELEASE_UNKNOWN" } });
    expect((error as LockLostError).result).toBe(DONE);
  });

  it("R12 a release whose first answer was lost still counts", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "drop-response", script: "release", times: 1 });
    expect(await rest.locks().withLock("a", () => DONE)).toBe(DONE);
  });
});

describe("R12 the work's own error always wins", () => {
  const failure = new Error("from the work");
  const fail = async (interfere: () => unknown): Promise<never> => {
    await interfere();
    throw failure;
  };

  it("R12 over a release that succeeds", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    expect(await rejectionOf(locks.withLock("a", () => fail(() => undefined)))).toBe(failure);
    expect(await locks.isLocked("a")).toBe(false);
  });

  it("R12 over a lock that was stolen", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    const working = rest.locks().withLock("a", () => fail(() => stored.steal()));
    expect(await rejectionOf(working)).toBe(failure);
    await stored.vanish();
  });

  it("R12 over a release without an answer", async () => {
    const rest = rests.open();
    const { faults } = rest.session;
    const working = rest
      .locks()
      .withLock("a", () =>
        fail(() => faults.add({ kind: "drop-request", script: "release", times: 3 })),
      );
    expect(await rejectionOf(working)).toBe(failure);
  });

  it("R12 even when it is thrown synchronously, or is not an Error", async () => {
    const locks = rests.open().locks();
    const work = (): never => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw "text";
    };
    expect(await rejectionOf(locks.withLock("a", work))).toBe("text");
    expect(await locks.isLocked("a")).toBe(false);
  });
});

describe("withLock", () => {
  it("returns what the work returned or resolved to", async () => {
    const locks = rests.open().locks();
    expect(await locks.withLock("a", () => 1)).toBe(1);
    expect(await locks.withLock("a", async () => undefined)).toBeUndefined();
  });

  it("accepts that the work has released the lock itself", async () => {
    const rest = rests.open();
    const work = async (lock: { release(): Promise<void> }): Promise<number> => {
      await lock.release();
      return 1;
    };
    expect(await rest.locks().withLock("a", work)).toBe(1);
    expect(rest.session.counters.byScript["release"]).toBe(1);
  });

  it("does not run the work without the lock", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await using lock = await locks.acquire("a");
    const working = locks.withLock("a", () => expect.fail("the work ran"), {
      retry: { maxRetries: 0 },
    });
    expect(await rejectionOf(working)).toMatchObject({ reason: "held" });
    lock.assertHeld();
  });
});
