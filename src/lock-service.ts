import { AcquireCall, type Acquired } from "./lease/acquire.ts";
import { checkType } from "./check.ts";
import type { Inspection } from "./database/operations.ts";
import { failureOf } from "./errors.ts";
import { Events } from "./events.ts";
import { checkKey, checkKeys } from "./key.ts";
import { Lease } from "./lease/session.ts";
import type { LockEvent } from "./lock-events.ts";
import {
  checkLockOptions,
  checkServiceOptions,
  type LockContext,
  type LockOptions,
  type LockServiceOptions,
  type Settings,
  type Wish,
} from "./lock-options.ts";
import { Lock, concludeWork } from "./lock.ts";

/** What {@link LockService.inspect} tells of a held lock. For operators, not for end users. */
export interface LockInfo {
  /** Owner hash of the holder; null when what is stored is no lock record. */
  readonly holder: string | null;
  readonly trace: string | null;
  readonly fence: number | null;
  /** Ms left unless it is renewed; null when it has no expiry. */
  readonly remainingMs: number | null;
  /** False when the holder's process is dead, and the next acquisition would take over. */
  readonly alive: boolean;
  readonly acquiredAt: string | null;
  readonly extendedAt: string | null;
}

/**
 * The everyday API: takes locks, keeps them alive while the work goes on, gives them back.
 *
 * One instance at module level is safe for many requests; `withContext` binds one to a request, so
 * that its locks outlive the response and are renewed together.
 *
 * @example
 * const locks = new LockService({ database: new RedisDatabase(redisFromEnv()) });
 * await locks.withLock("order:17", async (lock) => charge({ fence: lock.fence }), { ttl: 10_000 });
 */
export class LockService {
  readonly #settings: Settings;
  #events: Events<LockEvent> = new Events<LockEvent>();
  /** The lease of a service bound to one request; undefined: each lock has one of its own. */
  #lease: Lease | undefined;

  /** @throws LockConfigurationError naming the option and its value */
  constructor(options: LockServiceOptions) {
    this.#settings = checkServiceOptions(options);
  }

  /** What happens to the locks of this service and of those bound from it. */
  get events(): Events<LockEvent> {
    return this.#events;
  }

  /**
   * This service for one request: its locks live through that request's `waitUntil`, up to its
   * `deadline`, and are all renewed in one command. What is left out stays as it was.
   *
   * @throws LockConfigurationError
   */
  withContext(context: LockContext): LockService {
    const { waitUntil, deadline, signal } = this.#settings;
    const bound = new LockService({
      ...this.#settings,
      waitUntil: context.waitUntil ?? waitUntil,
      deadline: context.deadline ?? deadline,
      signal: context.signal ?? signal,
    });
    bound.#events = this.#events;
    bound.#lease = bound.#newLease();
    return bound;
  }

  /**
   * Takes a lock, or several at once (all or none), waiting for held ones as `retry` and
   * `waitTimeout` say.
   *
   * @throws LockAcquisitionError when it could not be had (see `reason`)
   * @throws LockConfigurationError before anything is sent
   */
  async acquire(key: string | readonly string[], options: LockOptions = {}): Promise<Lock> {
    const wish = checkLockOptions(options, this.#settings);
    const call = this.#call(checkKeys(key), wish);
    const outcome = await call.run();
    if (outcome.status === "held") throw call.refused(outcome);
    return this.#lock(outcome, wish);
  }

  /**
   * Takes a lock if it is free. Null only when another is known to hold it; never waits.
   *
   * @throws LockAcquisitionError with reason `error` or `aborted`
   * @throws LockConfigurationError before anything is sent
   */
  async tryAcquire(
    key: string | readonly string[],
    options: Omit<LockOptions, "retry" | "waitTimeout"> = {},
  ): Promise<Lock | null> {
    const wish = checkLockOptions(options, this.#settings);
    const once = { ...wish, waitTimeout: 0, retry: { ...wish.retry, maxRetries: 0 } };
    const call = this.#call(checkKeys(key), once);
    const outcome = await call.run();
    return outcome.status === "held" ? null : this.#lock(outcome, once);
  }

  /**
   * Runs `work` under a lock and returns its result. The error of `work` wins over any of the
   * release.
   *
   * @throws LockAcquisitionError, LockConfigurationError as `acquire`
   * @throws LockLostError with `result` when the lock was lost before `work` had ended
   */
  async withLock<T>(
    key: string | readonly string[],
    work: (lock: Lock) => T | Promise<T>,
    options: LockOptions = {},
  ): Promise<Awaited<T>> {
    checkType("work", work, "function");
    const lock = await this.acquire(key, options);
    let result: Awaited<T>;
    try {
      result = await work(lock);
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
    return concludeWork(lock, result);
  }

  /** Whether this service, bound to a request, holds the lock itself. No I/O. */
  holds(key: string): boolean {
    const name = checkKey(key);
    return this.#lease?.holds(name) ?? false;
  }

  /**
   * Whether a new acquisition would be refused now.
   *
   * @throws DatabaseError when there is no answer
   */
  async isLocked(key: string): Promise<boolean> {
    return (await this.#look(key))?.alive ?? false;
  }

  /**
   * Who holds a lock; null when it is free. For operators: not to be shown to end users.
   *
   * @throws DatabaseError when there is no answer
   */
  async inspect(key: string): Promise<LockInfo | null> {
    const seen = await this.#look(key);
    if (seen === null) return null;
    const { lockData, remainingMs, alive } = seen;
    return {
      holder: lockData?.ownerHash ?? null,
      trace: lockData?.trace ?? null,
      fence: lockData?.fence ?? null,
      remainingMs,
      alive,
      acquiredAt: lockData?.acquiredAt ?? null,
      extendedAt: lockData?.extendedAt ?? null,
    };
  }

  /**
   * Takes a lock from whoever holds it now; the holder's signal aborts with its next renewal. True
   * when it was removed. Two may then be at work: let fences decide.
   *
   * @throws DatabaseError when there is no answer
   */
  async forceRelease(key: string): Promise<boolean> {
    const seen = await this.#look(key);
    if (seen === null) return false;
    const { database, keyPrefix } = this.#settings;
    const owner = seen.lockData?.ownerHash ?? null;
    return sendTwice(() => database.forceDelete(keyPrefix + key, owner));
  }

  #look(key: string): Promise<Inspection | null> {
    const { database, keyPrefix } = this.#settings;
    const name = keyPrefix + checkKey(key);
    return sendTwice(() => database.inspect(name));
  }

  #newLease(): Lease {
    const { database, runtime, waitUntil, keyPrefix } = this.#settings;
    const emit = (event: LockEvent): void => this.#events.emit(event);
    return new Lease({ database, runtime, waitUntil, keyPrefix, emit });
  }

  #call(keys: readonly [string, ...string[]], wish: Wish): AcquireCall {
    return new AcquireCall(this.#settings, this.#lease ?? this.#newLease(), keys, wish);
  }

  #lock({ holding, lease, ttlMs }: Acquired, { trace }: Wish): Lock {
    const { runtime, maxTtl } = this.#settings;
    return new Lock(holding, {
      lease,
      runtime,
      maxTtl,
      emit: lease.context.emit,
      ttl: ttlMs,
      trace,
    });
  }
}

/** A command that may be repeated without harm gets a second chance. */
async function sendTwice<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!failureOf(error).retriable) throw error;
    return send();
  }
}
