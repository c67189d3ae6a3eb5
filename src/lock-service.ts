import { checkType } from "./check.ts";
import { LockConfigurationError } from "./errors.ts";
import type { Events } from "./events.ts";
import { checkKey, checkLockKeys } from "./key.ts";
import { Acquire } from "./lease/acquire.ts";
import { readHandOff } from "./lease/hand-off.ts";
import { refused } from "./lease/refusal.ts";
import type { Session } from "./lease/session.ts";
import type { LeaseTerms } from "./lease/terms.ts";
import { Listing, type ListOptions } from "./listing.ts";
import { forceRelease, inspectLock, lookAt, type LockInfo } from "./lock-info.ts";
import type { LockEvent } from "./lock-events.ts";
import {
  ServiceSettings,
  withoutWaiting,
  type AcquireOptions,
  type LockServiceOptions,
  type RequestContext,
  type TryOptions,
} from "./lock-options.ts";
import { Lock, runUnder } from "./lock.ts";
import { runEach, type OnceEachArgument, type OnceEachOutcome } from "./once/each.ts";
import { forgetJob, recallJob, type RecallOptions } from "./once/memory.ts";
import { onceUnder, type JobWork, type OnceOutcome, type Ran, type Recalled } from "./once/once.ts";
import type { OnceArguments, OnceOptions, WaitingOnceOptions } from "./once/options.ts";

/**
 * The everyday API: acquires locks, keeps them alive while the work goes on, and releases them.
 *
 * One instance at module level is safe for many requests; `forRequest` binds one to a request, so
 * that its locks outlive the response and are renewed together.
 *
 * @example
 * const locks = new LockService({ database: upstash() });
 * await locks.withLock("order:17", async (lock) => charge({ fence: lock.fence }), { ttl: 10_000 });
 */
export class LockService {
  readonly #settings: ServiceSettings;
  /** That of a service bound to one request; undefined: each lock has one of its own. */
  readonly #session: Session | undefined;

  /** @throws LockConfigurationError naming the option and its value */
  constructor(options: LockServiceOptions) {
    this.#settings = options instanceof ServiceSettings ? options : new ServiceSettings(options);
    if (this.#settings.isBound) this.#session = this.#settings.openSession();
  }

  /** What happens to the locks of this service and of those bound from it. */
  get events(): Events<LockEvent> {
    return this.#settings.emitter.events;
  }

  /**
   * This service for one request: its locks last through that request's `waitUntil`, up to its
   * `deadline`, and are all renewed together. What is left out stays as it was.
   *
   * @param context the platform's own context, such as Cloudflare's `ExecutionContext`, or an object
   *   with `waitUntil`, `deadline` or `signal`; other fields are ignored
   * @throws LockConfigurationError naming the field
   * @example const requestLocks = locks.forRequest(ctx);
   */
  forRequest(context: RequestContext): LockService {
    return new LockService(this.#settings.boundTo(context));
  }

  /**
   * Acquires a lock, or several at once (all or none), waiting for held ones as `retry` and
   * `waitTimeout` specify.
   *
   * @throws LockAcquisitionError when it could not be acquired (see `reason`)
   * @throws LockConfigurationError before anything is sent
   * @example const lock = await locks.acquire("order:17", { ttl: 10_000, waitTimeout: 5_000 });
   */
  async acquire(key: string | readonly string[], options?: AcquireOptions): Promise<Lock> {
    const outcome = await this.#acquire(checkLockKeys(key), this.#settings.terms(options));
    if (outcome.status === "held") throw refused(outcome);
    return new Lock(outcome.lease, this.#settings.maxTtl);
  }

  /**
   * Acquires a lock if it is free. Null only when another is known to hold it; never waits.
   *
   * @throws LockAcquisitionError with reason `error` or `aborted`
   * @throws LockConfigurationError before anything is sent
   */
  async tryAcquire(key: string | readonly string[], options?: TryOptions): Promise<Lock | null> {
    const terms = withoutWaiting(this.#settings.terms(options));
    const outcome = await this.#acquire(checkLockKeys(key), terms);
    return outcome.status === "held" ? null : new Lock(outcome.lease, this.#settings.maxTtl);
  }

  /**
   * Goes on with what `detach` has handed off, under a new token and fence; it never waits, and succeeds once.
   *
   * @throws LockAcquisitionError with reason `held` (another has it by now), `error` or `aborted`
   * @throws LockLostError when it has ended before
   * @throws LockConfigurationError for any other string than `lock.detach()` of such a service returns
   * @example const lock = await locks.attach(message.lock);
   */
  async attach(handOff: string, options?: TryOptions): Promise<Lock> {
    const { keys, handedOff } = readHandOff("handOff", handOff, this.#settings);
    const terms = withoutWaiting(this.#settings.terms(options));
    const outcome = await this.#acquire(checkLockKeys(keys), { ...terms, handedOff });
    if (outcome.status === "held") throw refused(outcome);
    return new Lock(outcome.lease, this.#settings.maxTtl);
  }

  /**
   * Runs `work` under a lock and returns its result. Its error wins over any of the release.
   *
   * @throws LockAcquisitionError, LockConfigurationError as `acquire`
   * @throws LockLostError with `result` when the lock was lost before `work` had ended
   */
  async withLock<T>(
    key: string | readonly string[],
    work: (lock: Lock) => T | Promise<T>,
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkType("work", work, "function");
    return runUnder(await this.acquire(key, options), work);
  }

  /**
   * Whether the request that this service is bound to holds the lock itself. No I/O.
   *
   * @throws LockConfigurationError when it is bound to none: its locks then belong to many
   */
  holds(key: string): boolean {
    const name = checkKey(key);
    return this.#bound("holds").holds(name);
  }

  /**
   * Tells that the response of the bound request has been made, as Hono's `locks()` does by itself: a lock
   * that is held 20 s later emits `heldAfterResponse`, before Cloudflare ends all work, after 30 s.
   *
   * @throws LockConfigurationError when it is bound to none
   */
  responded(): void {
    this.#bound("responded").responded();
  }

  #bound(method: string): Session {
    if (this.#session !== undefined) return this.#session;
    throw new LockConfigurationError(method, "this service is bound to no request: use forRequest");
  }

  /**
   * Whether a new acquisition would be refused now.
   *
   * @throws DatabaseError when there is no answer
   */
  async isLocked(key: string): Promise<boolean> {
    return (await lookAt(this.#settings, key))?.alive ?? false;
  }

  /**
   * Who holds a lock; null when it is free. For operators: not to be shown to end users.
   *
   * @throws DatabaseError when there is no answer
   */
  async inspect(key: string): Promise<LockInfo | null> {
    return inspectLock(this.#settings, key);
  }

  /**
   * Releases a lock whoever holds it; the holder's signal aborts at its next renewal. True if it was
   * removed. Two may then be at work at once: let fences decide.
   *
   * @throws DatabaseError when there is no answer
   */
  async forceRelease(key: string): Promise<boolean> {
    return forceRelease(this.#settings, key);
  }

  /**
   * The locks and remembered jobs, as they are found: see {@link Listing}. For operators.
   *
   * @throws DatabaseError when there is no answer, LockConfigurationError before anything is sent
   * @example for await (const { key } of locks.list({ match: "order:*" })) console.log(key);
   */
  list(options: ListOptions = {}): Listing {
    return new Listing(this.#settings, options);
  }

  /**
   * Runs `work` unless it has completed under this key before: never two at a time, again until one
   * completes, and then not while that is `remember`ed. What throws is not remembered.
   *
   * @throws LockAcquisitionError when another runs it (`ifRunning: "throw"`, or `join` that timed out),
   *   or without a conclusive answer
   * @throws LockFingerprintError when it was requested with other input
   * @throws LockLostError with `result` when the lock was lost before `work` had ended
   * @throws DatabaseError when what is remembered is not what its codec decodes
   * @throws LockConfigurationError before anything is sent
   * @example const { result } = await locks.once(`charge:${id}`, () => charge(id), { ifRunning: "join" });
   */
  once<T>(
    key: string,
    work: JobWork<T>,
    ...options: OnceArguments<T, WaitingOnceOptions<T>>
  ): Promise<Ran<T> | Recalled<T>>;
  once<T>(
    key: string,
    work: JobWork<T>,
    ...options: OnceArguments<T, OnceOptions<T> | undefined>
  ): Promise<OnceOutcome<T>>;
  async once<T>(
    key: string,
    work: JobWork<T>,
    options: OnceOptions<T> = {},
  ): Promise<OnceOutcome<T>> {
    return onceUnder(this.#settings, this.#session, { key: checkKey(key), work, options });
  }

  /**
   * Runs `work` for each item as `once` does, with one request for each 100: an outcome each, in order.
   *
   * @throws LockConfigurationError before anything is sent
   * @example await locks.onceEach(batch.messages, { key: (message) => message.id, work: handle });
   */
  async onceEach<Item, T>(
    items: readonly Item[],
    options: OnceEachArgument<Item, T>,
  ): Promise<readonly OnceEachOutcome<T>[]> {
    return runEach(items, options, this.#settings);
  }

  /**
   * What is remembered of a job; null when it has not completed, or is no longer remembered.
   *
   * @throws DatabaseError when there is no answer, or what is remembered is not what its codec decodes
   */
  recall<T = unknown>(key: string, options: RecallOptions<T> = {}): Promise<Recalled<T> | null> {
    return recallJob(this.#settings, key, options);
  }

  /**
   * Forgets that a job has completed, so that it may run again. True if it was remembered.
   *
   * @throws DatabaseError when there is no answer
   */
  async forget(key: string): Promise<boolean> {
    return forgetJob(this.#settings, key);
  }

  #acquire(keys: readonly [string, ...string[]], terms: LeaseTerms): ReturnType<Acquire["run"]> {
    return new Acquire(this.#session ?? this.#settings.openSession(), keys, terms).run();
  }
}
