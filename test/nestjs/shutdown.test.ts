import { describe, expect, it } from "vitest";
import { LockAcquisitionError, LockLostError, LockNotOwnedError } from "../../src/index.ts";
import { ApplicationLocks } from "../../src/nestjs/application-locks.ts";
import { LOCK_SERVICE, LocksModule, type ILockService } from "../../src/nestjs/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { openApplication as open } from "./application.ts";

const rests = useRest();

interface Application {
  readonly locks: ILockService;
  readonly close: () => Promise<void>;
}

class Gate {
  open = (): void => {};
  readonly passed = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

async function openApplication(rest: Rest): Promise<Application> {
  const context = await open({ imports: [LocksModule.forRoot(rest.locks())] });
  return { locks: context.get(LOCK_SERVICE), close: () => context.close() };
}

const held = (rest: Rest, key: string): Promise<unknown> => new StoredLock(rest, key).record();

describe("when the application is closed", () => {
  it("every lock still held is released, however it was acquired, before close() resolves", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    await locks.acquire("a");
    await locks.tryAcquire(["b", "c"]);
    const [entered, leave] = [new Gate(), new Gate()];
    const work = locks.withLock("d", async () => {
      entered.open();
      await leave.passed;
      return "done";
    });
    const outcome = work.catch((error: unknown) => error);
    await entered.passed;
    for (const key of ["a", "b", "c", "d"]) expect(await held(rest, key)).not.toBeNull();
    await close();
    for (const key of ["a", "b", "c", "d"]) expect(await held(rest, key)).toBeNull();
    expect(rest.pendingSleeps()).toBe(0);
    leave.open();
    const error = await outcome;
    expect(error).toBeInstanceOf(LockLostError);
    expect(error).toMatchObject({ lockKey: "d", result: "done" });
  });

  it("work that ends before its lock is released keeps its result", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    const closed = new Gate();
    const work = locks.withLock("a", async () => {
      closed.open();
      return "done";
    });
    await closed.passed;
    const [result] = await Promise.all([work, close()]);
    expect(result).toBe("done");
  });

  it("locks that were released, lost or taken by another are left alone", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    const released = await locks.acquire("released");
    await released.release();
    const lost = await locks.acquire("lost");
    await new StoredLock(rest, "lost").steal();
    expect(await lost.isHeld()).toBe(false);
    await locks.withLock("with", () => undefined);
    // Ended locks are no longer tracked.
    const last = await locks.acquire("last");
    await last.release();
    const { release } = rest.session.counters.byScript;
    await close();
    expect(rest.session.counters.byScript["release"]).toBe(release);
    expect(await held(rest, "lost")).toMatchObject({ processHash: "thief/1.1" });
    await new StoredLock(rest, "lost").vanish();
    await expect(lost.release()).rejects.toThrow(LockNotOwnedError);
  });

  it("a failed release does not keep it from closing, and is reported as an event", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    const failures: unknown[] = [];
    locks.events.subscribe((event) => event.type === "releaseFailed" && failures.push(event));
    const stolen = await locks.acquire("stolen");
    await locks.acquire("kept");
    await new StoredLock(rest, "stolen").steal();
    await close();
    expect(failures).toContainEqual(expect.objectContaining({ keys: stolen.keys }));
    expect(await held(rest, "kept")).toBeNull();
    await new StoredLock(rest, "stolen").vanish();
  });

  it("a database without an answer does not keep it from closing", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    await locks.acquire("a", { ttl: 1_000 });
    const heal = rest.session.faults.add({ kind: "drop-request", script: "release" });
    await close();
    expect(rest.session.counters.byScript["release"]).toBeGreaterThanOrEqual(2);
    heal();
  });

  it("calls waiting for a lock are aborted, and later ones are refused", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    const other = await rest.locks().acquire("a");
    const waiting = locks.acquire("a", { waitTimeout: 25_000 }).catch((error: unknown) => error);
    const within = locks
      .withLock("a", () => "ran", { waitTimeout: 25_000 })
      .catch((error: unknown) => error);
    await close();
    for (const error of await Promise.all([waiting, within])) {
      expect(error).toBeInstanceOf(LockAcquisitionError);
      expect(error).toMatchObject({ reason: "aborted" });
    }
    await other.release();
    for (const late of [locks.acquire("a"), locks.tryAcquire("a"), locks.withLock("a", () => 1)]) {
      await expect(late).rejects.toMatchObject({ reason: "aborted" });
    }
    expect(await held(rest, "a")).toBeNull();
  });

  it("a lock acquired at that very moment is released, and its work is not started", async () => {
    const rest = rests.open();
    const locks = new ApplicationLocks(rest.locks());
    let ended: Promise<void> | undefined;
    let runs = 0;
    locks.events.subscribe(({ type }) => {
      if (type === "acquired") ended = locks.onApplicationShutdown();
    });
    const won = locks.withLock("a", () => (runs += 1));
    await expect(won).rejects.toMatchObject({ reason: "aborted", lockKey: "a" });
    await ended;
    expect(runs).toBe(0);
    expect(await held(rest, "a")).toBeNull();
    expect(rest.session.counters.byScript).toMatchObject({ acquire: 1, release: 1 });
  });
});

describe("the injected service", () => {
  it("a caller's own signal still cancels waiting, and its reason is the cause", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    const other = await rest.locks().acquire("a");
    const reason = new Error("the client left");
    const caller = new AbortController();
    const waiting = locks
      .acquire("a", { waitTimeout: 25_000, signal: caller.signal })
      .catch((error: unknown) => error);
    caller.abort(reason);
    const error = await waiting;
    await other.release();
    await close();
    expect(error).toMatchObject({ reason: "aborted", cause: reason });
  });

  it("takes options that are getters on a prototype, and refuses unknown names", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    class Options {
      get ttl(): number {
        return 5_000;
      }
      get trace(): string {
        return "ann";
      }
    }
    const lock = await locks.acquire("a", new Options());
    expect(lock).toMatchObject({ ttl: 5_000, trace: "ann" });
    const maybe = await locks.tryAcquire("b", new Options());
    expect(maybe).toMatchObject({ ttl: 5_000, trace: "ann" });
    await locks.withLock("c", ({ ttl }) => expect(ttl).toBe(5_000), new Options());
    await expect(
      Reflect.apply(locks.acquire, locks, ["d", { ttlMs: 5_000 }]),
    ).rejects.toMatchObject({
      option: "ttlMs",
    });
    await close();
  });

  it("validates its arguments before anything is sent", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    await expect(locks.acquire("")).rejects.toMatchObject({ option: "key" });
    await expect(locks.acquire("a", { ttl: 1 })).rejects.toMatchObject({ option: "ttl" });
    const signal: unknown = "soon";
    await expect(Reflect.apply(locks.acquire, locks, ["a", { signal }])).rejects.toMatchObject({
      option: "signal",
    });
    await expect(Reflect.apply(locks.acquire, locks, ["a", null])).rejects.toMatchObject({
      option: "options",
    });
    expect(rest.session.counters.requests).toBe(0);
    await close();
  });

  it("does not keep track of ended locks", async () => {
    const rest = rests.open();
    const { locks, close } = await openApplication(rest);
    for (let i = 0; i < 20; i += 1) await locks.withLock(`a:${i}`, () => undefined);
    const { requests } = rest.session.counters;
    await close();
    expect(rest.session.counters.requests).toBe(requests);
    expect(await locks.isLocked("a:0")).toBe(false);
    expect(await locks.inspect("a:0")).toBeNull();
    expect(await locks.forceRelease("a:0")).toBe(false);
  });
});
