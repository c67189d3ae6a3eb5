import { AcquireCall, type Acquired } from "../lease/acquire.ts";
import { MAX_MS } from "../check.ts";
import { Database, isDatabase } from "../database/database.ts";
import { LockConfigurationError, MutexError } from "../errors.ts";
import { Events } from "../events.ts";
import { GivingBack } from "../lease/release.ts";
import type { Heartbeater } from "./heartbeater.ts";
import { extendOf, heartbeaterOf } from "./job-lock.ts";
import { checkKey } from "../key.ts";
import { CALLER_SENDS, Lease } from "../lease/session.ts";
import type { LockData } from "../database/operations.ts";
import type { LockEvent } from "../lock-events.ts";
import { checkServiceOptions, type Settings } from "../lock-options.ts";
import { LockStatus } from "../database/lock-status.ts";
import { Lock, concludeWork } from "../lock.ts";
import { lockerErrorOf, type LockerError } from "./errors.ts";
import { checkLockerOptions, wishOf, type LockerOptions, type LockerSettings } from "./options.ts";
import {
  UNREADABLE,
  releaseOutcome,
  type LockerAcquireOutcome,
  type LockerReleaseOutcome,
  type LockerRunOutcome,
} from "./outcomes.ts";
import { ownerRelease, readOwnerHashStatus, type OwnerHashOutcome } from "./owner-hash.ts";
import { elapsed } from "../runtime.ts";

/**
 * The status-level API of distributed-locker: one job at a time in the whole fleet. Two clocks run
 * for each lock: its holder reports every few seconds that it is alive, and its heartbeats say that
 * it gets on. A dead holder's lock is free after `reportTtlMs`, a stuck one's after `lockTtlMs`.
 *
 * @example
 * const locker = new Locker({ database, waitUntil: (p) => ctx.waitUntil(p) });
 * await locker.acquireAndRun("mail-digest", async (heartbeater) => {
 *   for (const user of users) { await heartbeater.heartbeat(); await mail(user); }
 * });
 */
export class Locker {
  /** What went wrong in the background: a report, a release; and locks that were lost. */
  readonly errors: Events<LockerError> = new Events<LockerError>();
  readonly #options: LockerSettings;
  /** What this instance holds, by owner hash. */
  readonly #held: Map<string, Acquired> = new Map();
  #settings: Settings | undefined;
  #loading: Promise<Database> | undefined;
  #isTerminated = false;

  /** @throws LockConfigurationError naming the option */
  constructor(options: LockerOptions) {
    this.#options = checkLockerOptions(options);
    if (isDatabase(this.#options.database)) this.#use(this.#options.database);
  }

  /**
   * Takes a lock if it is free, or if its holder is dead. What it resolves with extends it; better
   * use `acquireAndRun`, which does so by itself.
   *
   * @throws LockAcquisitionError when there is no answer that counts
   */
  async acquire(key: string, trace?: string): Promise<LockerAcquireOutcome> {
    const outcome = await this.#acquire(key, trace);
    if (outcome.status !== "acquired") return outcome;
    const [{ lockData }] = outcome.holding.claims;
    return { status: LockStatus.SUCCESS, lockData, extend: extendOf(outcome, this.#options) };
  }

  /**
   * Runs `func` under a lock if it is free. `func` should call the heartbeater often: it extends the
   * lock now and then, and throws once the lock is lost.
   *
   * @throws LockLostError with `result` when another may have been in
   * @throws LockAcquisitionError when there is no answer that counts
   */
  async acquireAndRun<T>(
    key: string,
    func: (heartbeater: Heartbeater, ownerHash: string) => Promise<T>,
    trace?: string,
  ): Promise<LockerRunOutcome<T>> {
    if (typeof func !== "function" || func.length < 1) {
      throw new LockConfigurationError(
        "func",
        "must take an argument, the heartbeater, and call it",
      );
    }
    const outcome = await this.#acquire(key, trace);
    if (outcome.status !== "acquired") return outcome;
    const { holding, lease, ttlMs } = outcome;
    const { runtime } = this.#options;
    const { emit } = lease.context;
    const lock = new Lock(holding, { lease, runtime, maxTtl: MAX_MS, emit, ttl: ttlMs, trace });
    let result: T;
    try {
      const onError = (error: unknown): void => this.errors.emit({ type: "locker", error });
      result = await func(heartbeaterOf(outcome, this.#options, onError), holding.token);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    } finally {
      this.#held.delete(holding.token);
    }
    return { status: LockStatus.SUCCESS, result: await concludeWork(lock, result) };
  }

  /**
   * Runs `func` when the mutex is free, asking again after each `recheckDelay` for `timeoutMs`.
   *
   * @throws MutexError when it could not be had in time
   */
  async mutex<T>(
    key: string,
    timeoutMs: number,
    func: (heartbeater: Heartbeater) => Promise<T>,
    recheckDelay: () => Promise<unknown>,
    trace?: string,
  ): Promise<T> {
    const { runtime } = this.#options;
    const started = runtime.now();
    for (;;) {
      const outcome = await this.acquireAndRun(key, func, trace);
      if (outcome.status === LockStatus.SUCCESS) return outcome.result;
      await recheckDelay();
      if (elapsed(started, runtime.now()) >= timeoutMs) throw new MutexError(key, outcome.lockData);
    }
  }

  /**
   * Gives a lock back.
   *
   * @throws LockReleaseUnknownError after two sends without an answer; the background goes on until
   *   the lock's TTL has passed
   */
  async release(key: string, lockData: LockData): Promise<LockerReleaseOutcome> {
    const acquired = this.#held.get(lockData.ownerHash);
    if (acquired?.holding.key !== key) return this.#releaseOf(checkKey(key), lockData);
    const outcome = await acquired.lease.release(acquired.holding);
    this.#held.delete(lockData.ownerHash);
    return releaseOutcome(outcome);
  }

  /** The record of a lock whose holder is alive. A moment later it may be otherwise. */
  async readLockData(key: string): Promise<LockData | "maybe_unlocked"> {
    const { database } = await this.#ready();
    const seen = await database.inspect(checkKey(key));
    return seen?.alive ? (seen.lockData ?? UNREADABLE) : "maybe_unlocked";
  }

  /** Whether the very holder with this owner hash is at work. For people: a moment later it may be otherwise. */
  async readOwnerHashStatus(ownerHash: string): Promise<OwnerHashOutcome> {
    const { database } = await this.#ready();
    return readOwnerHashStatus(database, ownerHash);
  }

  /** Ends this instance: what it still holds is reported alive no more, and free to take soon. */
  async terminate(): Promise<void> {
    this.#isTerminated = true;
    for (const { holding, lease } of this.#held.values()) {
      lease.abandon(holding, "its Locker was terminated");
    }
    this.#held.clear();
  }

  async #acquire(
    key: string,
    trace: string | undefined,
  ): Promise<Acquired | (LockerAcquireOutcome & { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK })> {
    const wish = wishOf(this.#options, trace);
    checkKey(key);
    this.#assertUsable();
    // No await where there is nothing to wait for: waitUntil is called inside the request's turn.
    const settings = this.#settings ?? (await this.#ready());
    const lease = this.#newLease(settings);
    const outcome = await new AcquireCall(settings, lease, [key], wish).run();
    if (outcome.status === "held") {
      const { lockData } = outcome;
      return { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: lockData ?? UNREADABLE };
    }
    if (this.#isTerminated) {
      // The end came while it was on its way: whoever is next need not wait for it.
      lease.release(outcome.holding).catch(() => undefined);
      this.#assertUsable();
    }
    this.#held.set(outcome.holding.token, outcome);
    return outcome;
  }

  /** Releases what another instance acquired: by its owner hash, and nothing of its process. */
  async #releaseOf(key: string, lockData: LockData): Promise<LockerReleaseOutcome> {
    this.#assertUsable();
    const lease = this.#newLease(this.#settings ?? (await this.#ready()));
    const { database, ...context } = lease.context;
    const { requestTimeout, capabilities } = database;
    const release = ownerRelease(database, key, lockData.ownerHash);
    const settle = lease.pledge();
    const givingBack = new GivingBack(
      { ...context, database: { requestTimeout, capabilities, release } },
      [key],
      { claims: [{ key, lockData }], fence: undefined },
      this.#options.lockTtlMs,
    );
    void givingBack.ended.then(settle);
    return releaseOutcome(await givingBack.outcomeWithin(CALLER_SENDS));
  }

  #newLease({ database, runtime, waitUntil, keyPrefix }: Settings): Lease {
    const emit = (event: LockEvent): void => {
      const error = lockerErrorOf(event);
      if (error !== undefined) this.errors.emit(error);
    };
    return new Lease({ database, runtime, waitUntil, keyPrefix, emit });
  }

  #assertUsable(): void {
    if (this.#isTerminated) {
      throw new LockConfigurationError("locker", "is terminated and cannot be used any more");
    }
  }

  async #ready(): Promise<Settings> {
    this.#assertUsable();
    if (this.#settings !== undefined) return this.#settings;
    const { database } = this.#options;
    this.#loading ??= isDatabase(database) ? Promise.resolve(database) : Database.load(database);
    try {
      const loaded = await this.#loading;
      this.#assertUsable();
      return this.#settings ?? this.#use(loaded);
    } catch (error) {
      // The next use tries again.
      this.#loading = undefined;
      throw error;
    }
  }

  #use(database: Database): Settings {
    const { runtime, waitUntil, lockTtlMs } = this.#options;
    const ttls = { maxTtl: MAX_MS, defaultTtl: lockTtlMs };
    this.#settings = checkServiceOptions({ database, runtime, waitUntil, ...ttls });
    return this.#settings;
  }
}
