import type { Database } from "../database/database.ts";
import type { LockData } from "../database/lock-record.ts";
import { LockStatus } from "../database/lock-status.ts";
import { LockConfigurationError, classifyFailure, isLockError } from "../errors.ts";
import { Emitter, type Events } from "../events.ts";
import { checkKey } from "../key.ts";
import { Acquire } from "../lease/acquire.ts";
import { CALLER_SENDS, type Lease } from "../lease/lease.ts";
import { Release } from "../lease/release.ts";
import { Session } from "../lease/session.ts";
import type { LockEvent } from "../lock-events.ts";
import { Lock, runUnder } from "../lock.ts";
import { MAX_MS, elapsed } from "../runtime.ts";
import { DatabaseSource } from "./database-source.ts";
import { MutexError, toJobLostError, toLockerError, type LockerError } from "./errors.ts";
import type { Heartbeater } from "./heartbeater.ts";
import { createExtend, createHeartbeater } from "./job-lock.ts";
import {
  resolveLockerOptions,
  toTerms,
  type LockerOptions,
  type LockerSettings,
} from "./options.ts";
import {
  UNREADABLE,
  toReleaseOutcome,
  type LockerAcquireOutcome,
  type LockerReleaseOutcome,
  type LockerRunOutcome,
} from "./outcomes.ts";
import { createOwnerRelease, readOwnerHashStatus, type OwnerHashOutcome } from "./owner-hash.ts";

interface Acquired {
  readonly status: "acquired";
  readonly lease: Lease;
  readonly database: Database;
}

type Refused = LockerAcquireOutcome & { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK };

/**
 * The status-level API of distributed-locker: one job at a time in the whole fleet. Two clocks run
 * for each lock: its holder reports every few seconds that it is alive, and its heartbeats that it
 * makes progress. A dead holder's lock is free after `reportTtlMs`, a stuck one's after `lockTtlMs`.
 *
 * @example
 * const locker = new Locker({ database, waitUntil: (p) => ctx.waitUntil(p) });
 * await locker.acquireAndRun("mail-digest", async (heartbeater) => {
 *   for (const user of users) { await heartbeater.heartbeat(); await mail(user); }
 * });
 */
export class Locker {
  /** What went wrong in the background: failed reports and releases, and lost locks. */
  readonly errors: Events<LockerError>;
  readonly #errors: Emitter<LockerError> = new Emitter<LockerError>();
  readonly #settings: LockerSettings;
  /** What this instance holds, by owner hash. */
  readonly #held: Map<string, Lease> = new Map();
  readonly #source: DatabaseSource;
  #isTerminated = false;

  /** @throws LockConfigurationError naming the option */
  constructor(options: LockerOptions) {
    this.#settings = resolveLockerOptions(options);
    this.errors = this.#errors.events;
    this.#source = new DatabaseSource(this.#settings.database);
  }

  /**
   * Acquires a lock if it is free, or if its holder is dead. It is extended with the `extend` it
   * resolves with; `acquireAndRun` does so by itself.
   *
   * @throws LockAcquisitionError when there is no conclusive answer
   */
  async acquire(key: string, trace?: string): Promise<LockerAcquireOutcome> {
    const outcome = await this.#acquire(key, trace);
    if (outcome.status !== "acquired") return outcome;
    const { lease, database } = outcome;
    const [{ lockData }] = lease.grant.claims;
    const extend = createExtend(lease, database, this.#settings);
    return { status: LockStatus.SUCCESS, lockData, extend };
  }

  /**
   * Runs `func` under a lock if it is free. `func` should call the heartbeater often: it extends the
   * lock at intervals, and throws once the lock is lost.
   *
   * @throws LockLostError with `result` when another may have held it meanwhile
   * @throws LockAcquisitionError when there is no conclusive answer
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
    const { lease, database } = outcome;
    const onError = (error: unknown): void => this.#errors.emit({ type: "locker", error });
    const heartbeater = createHeartbeater(lease, database, this.#settings, onError);
    try {
      const work = (): Promise<T> => func(heartbeater, lease.token);
      const result = await runUnder(new Lock(lease, MAX_MS), work);
      return { status: LockStatus.SUCCESS, result };
    } catch (error) {
      const isLoss = isLockError(error, "LOCK_LOST") && error.lockKey === key;
      throw isLoss ? await toJobLostError(error, lease.grant.claims[0], database) : error;
    } finally {
      this.#held.delete(lease.token);
    }
  }

  /**
   * Runs `func` when the mutex is free, asking again after each `recheckDelay` for `timeoutMs`.
   *
   * @throws MutexError when it could not be acquired in time
   */
  async mutex<T>(
    key: string,
    timeoutMs: number,
    func: (heartbeater: Heartbeater) => Promise<T>,
    recheckDelay: () => Promise<unknown>,
    trace?: string,
  ): Promise<T> {
    const { runtime } = this.#settings;
    const started = runtime.now();
    for (;;) {
      const outcome = await this.acquireAndRun(key, func, trace);
      if (outcome.status === LockStatus.SUCCESS) return outcome.result;
      await recheckDelay();
      if (elapsed(started, runtime.now()) >= timeoutMs) throw new MutexError(key, outcome.lockData);
    }
  }

  /**
   * Releases a lock.
   *
   * @throws LockReleaseUnknownError after two sends without an answer; it is retried in the
   *   background until the lock's TTL has passed
   */
  async release(key: string, lockData: LockData): Promise<LockerReleaseOutcome> {
    const lease = this.#held.get(lockData.ownerHash);
    if (lease?.key !== key) return this.#releaseOf(checkKey(key), lockData);
    const verdict = await lease.release();
    this.#held.delete(lockData.ownerHash);
    return toReleaseOutcome(verdict);
  }

  /** The record of a lock whose holder is alive. A snapshot: it may change a moment later. */
  async readLockData(key: string): Promise<LockData | "maybe_unlocked"> {
    const name = checkKey(key);
    const seen = await this.#read((database) => database.inspect(name));
    return seen?.alive ? (seen.lockData ?? UNREADABLE) : "maybe_unlocked";
  }

  /** Whether the very holder with this owner hash is at work. A snapshot: it may change a moment later. */
  async readOwnerHashStatus(ownerHash: string): Promise<OwnerHashOutcome> {
    return this.#read((database) => readOwnerHashStatus(database, ownerHash));
  }

  /** Ends this instance: what it still holds is no longer reported alive, and soon free to take. */
  async terminate(): Promise<void> {
    this.#isTerminated = true;
    for (const lease of this.#held.values()) lease.abandon("its Locker was terminated");
    this.#held.clear();
  }

  async #acquire(key: string, trace: string | undefined): Promise<Acquired | Refused> {
    const terms = toTerms(this.#settings, trace);
    checkKey(key);
    this.#assertUsable();
    // No await if there is nothing to wait for: waitUntil must be called in the same turn of the request.
    const database = this.#source.current ?? (await this.#load());
    const outcome = await new Acquire(this.#openSession(database), [key], terms).run();
    if (outcome.status === "held") {
      const lockData = outcome.lockData ?? UNREADABLE;
      return { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData };
    }
    const { lease } = outcome;
    if (this.#isTerminated) {
      // Terminated while the request was under way: the next holder must not have to wait for it.
      lease.release().catch(() => undefined);
      this.#assertUsable();
    }
    this.#held.set(lease.token, lease);
    return { status: "acquired", lease, database };
  }

  /** Releases what another instance acquired: by its owner hash, leaving its process alone. */
  async #releaseOf(key: string, lockData: LockData): Promise<LockerReleaseOutcome> {
    this.#assertUsable();
    const database = this.#source.current ?? (await this.#load());
    const session = this.#openSession(database);
    const pledge = session.pledge();
    const release = new Release(session.context, {
      lock: { keys: [key], token: lockData.ownerHash, trace: lockData.trace },
      send: createOwnerRelease(database, key, lockData.ownerHash),
      longestMs: this.#settings.lockTtlMs,
      wasLost: false,
    });
    void pledge?.settleAfter([release.verdict]);
    return toReleaseOutcome(await release.verdictWithin(CALLER_SENDS));
  }

  /** Reports a transient error of a read to `errors` as well. */
  async #read<T>(read: (database: Database) => Promise<T>): Promise<T> {
    const database = await this.#load();
    try {
      return await read(database);
    } catch (error) {
      if (classifyFailure(error).retriable) this.#errors.emit({ type: "locker", error });
      throw error;
    }
  }

  #openSession(database: Database): Session {
    const { runtime, waitUntil } = this.#settings;
    const emit = (event: LockEvent): void => {
      const error = toLockerError(event);
      if (error !== undefined) this.#errors.emit(error);
    };
    return new Session({ database, runtime, waitUntil, keyPrefix: "", emit });
  }

  #assertUsable(): void {
    if (this.#isTerminated) {
      throw new LockConfigurationError("locker", "is terminated and cannot be used any more");
    }
  }

  async #load(): Promise<Database> {
    this.#assertUsable();
    const database = await this.#source.load();
    this.#assertUsable();
    return database;
  }
}
