import { checkTtl } from "./check.ts";
import { LockExtensionError, LockLostError, LockNotOwnedError, isLockError } from "./errors.ts";
import { writeHandOff } from "./lease/hand-off.ts";
import type { Lease } from "./lease/lease.ts";
import { isOwnRelease } from "./lease/release.ts";

/**
 * One held lock, of one key or several. Made by `LockService`; valid until its `signal` aborts.
 *
 * @example
 * await using lock = await locks.acquire("order:17");
 */
export class Lock {
  /** The key, or the first of several. */
  readonly key: string;
  readonly keys: readonly string[];
  /** Names this acquisition, in Redis as well. */
  readonly token: string;
  /** Fencing token: higher than that of every earlier holder. Undefined where the backend has none. */
  readonly fence: number | undefined;
  readonly trace: string | undefined;
  readonly acquiredAt: Date;
  readonly #lease: Lease;
  readonly #maxTtl: number;
  #ttl: number;
  #released: Promise<void> | undefined;

  constructor(lease: Lease, maxTtl: number) {
    const { keys, fence, trace, since, times } = lease.grant;
    this.key = lease.key;
    this.keys = keys;
    this.token = lease.token;
    this.fence = fence;
    this.trace = trace;
    this.acquiredAt = new Date(since.wall);
    this.#lease = lease;
    this.#maxTtl = maxTtl;
    this.#ttl = times.ttlMs;
  }

  /** The time it was last granted for (by acquire or extend), in ms; less near a `deadline`. */
  get ttl(): number {
    return this.#ttl;
  }

  /** When it ends unless it is renewed: on this machine's clock, never later than in Redis. */
  get expiresAt(): Date {
    return this.#lease.expiresAt(this.#lease.context.runtime.now());
  }

  /** Whether it was handed off: see {@link Lock.detach}. */
  get isDetached(): boolean {
    return this.#lease.isDetached;
  }

  /** Whether renewals go on. False after stopAutoRenew, loss, release and maxHold. */
  get isAutoRenewing(): boolean {
    return this.#lease.isRenewing;
  }

  /** Aborts with a LockLostError before Redis can let another in. Pass it to what you call. */
  get signal(): AbortSignal {
    // In a request that was paused, no timer has had a chance to notice it yet.
    this.#lease.checkLoss();
    return this.#lease.signal;
  }

  /**
   * Releases the lock. Resolves when Redis has confirmed it or the TTL has passed; safe to call twice,
   * even concurrently.
   *
   * @throws LockNotOwnedError when it was no longer owned by this token
   * @throws LockReleaseUnknownError after two sends without an answer; it is retried in the background
   * @throws LockLostError when it was detached
   */
  async release(): Promise<void> {
    const released = (this.#released ??= this.#release());
    try {
      await released;
    } catch (error) {
      // Still unconfirmed: the next call waits again. Every other verdict is final.
      const isOpen = isLockError(error, "LOCK_RELEASE_UNKNOWN");
      if (isOpen && this.#released === released) this.#released = undefined;
      throw error;
    }
  }

  async #release(): Promise<void> {
    if (this.isDetached) this.assertHeld();
    const verdict = await this.#lease.release();
    if (!isOwnRelease(verdict)) throw new LockNotOwnedError(this.key, this.token);
  }

  /**
   * Guarantees at least `ttl` ms from now; never shortens.
   *
   * @throws LockConfigurationError for a ttl below 100 or above `maxTtl`
   * @throws LockExtensionError when the lock is lost or released, or no answer came (see `cause`)
   * @example await lock.extend(60_000); // at least a minute from now
   */
  async extend(ttl: number): Promise<void> {
    const lease = this.#lease;
    checkTtl("ttl", ttl, this.#maxTtl);
    this.#assertExtensible();
    const ttlMs = Math.min(ttl, lease.beforeDeadline(lease.context.runtime.now()));
    if (ttlMs <= 0) throw this.#extensionError("the deadline has passed", undefined);
    try {
      await lease.extend({ ttlMs, livenessMs: ttlMs });
    } catch (error) {
      throw this.#extensionError("no answer confirmed it", error);
    }
    this.#assertExtensible();
    this.#ttl = ttlMs;
  }

  #assertExtensible(): void {
    if (this.#lease.isHeld()) return;
    const lost = this.#lease.checkLoss();
    const why = lost === undefined ? "the lock was released" : "the lock was lost";
    throw this.#extensionError(why, lost);
  }

  #extensionError(why: string, cause: unknown): LockExtensionError {
    const message = `Lock "${this.key}" could not be extended: ${why}.`;
    return new LockExtensionError(this.key, this.token, message, cause);
  }

  /**
   * Asks Redis whether the lock is still held, without lengthening it: the check to make before a
   * write that cannot be undone (or let the store compare fences).
   *
   * @throws DatabaseError when there is no answer
   */
  async isHeld(): Promise<boolean> {
    if (!this.#lease.isHeld()) return false;
    await this.#lease.extend({ ttlMs: 0, livenessMs: 0 });
    return this.#lease.isHeld();
  }

  /**
   * Checks flag and clock, without I/O.
   *
   * @throws LockLostError when the lock is lost
   * @throws LockNotOwnedError when it was released
   */
  assertHeld(): void {
    if (this.#lease.isHeld()) return;
    throw this.#lease.checkLoss() ?? new LockNotOwnedError(this.key, this.token);
  }

  /**
   * Hands the lock off: returns a string with which `LockService.attach`, in any process, goes on with it.
   * Here it has ended: the signal aborts, nothing is renewed, and a release is refused. It must be
   * attached before its TTL ends: `extend` it first if that may take long. The string is a credential.
   *
   * @throws LockLostError, LockNotOwnedError when it is no longer held
   * @throws LockConfigurationError when the database cannot hand locks off (`capabilities.handOff`)
   * @example await queue.send({ orderId, lock: lock.detach() });
   */
  detach(): string {
    this.assertHeld();
    const handOff = writeHandOff(this.#lease);
    this.#lease.detach();
    return handOff;
  }

  /** Lets the lock expire with its TTL. */
  stopAutoRenew(): void {
    this.#lease.stopRenewing();
  }

  /** Also one that was detached, unless it was attached by now; but for one of another copy of the package. */
  static async releaseAfterError(lock: Lock): Promise<void> {
    if (!lock.isDetached || !(#lease in lock)) return lock[Symbol.asyncDispose]();
    await lock.#lease.release().catch(() => {}); // Sends that failed have been reported.
  }

  /** Releases, for `await using`. Never throws: a loss shows on the signal, a failure in the events. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isDetached) return;
    try {
      await this.release();
    } catch (error) {
      // Sends that failed have been reported one by one.
      if (isLockError(error, "LOCK_RELEASE_UNKNOWN")) return;
      const { context, identity } = this.#lease;
      context.emit({ type: "releaseFailed", ...identity, error });
    }
  }
}

/**
 * Runs `work` under a lock, and releases the lock whatever happens, unless the work has detached it. The
 * error of `work` wins over one of the release.
 *
 * @throws LockLostError with `result` when another may have held it meanwhile
 */
export async function runUnder<T>(
  lock: Lock,
  work: (lock: Lock) => T | Promise<T>,
): Promise<Awaited<T>> {
  return concludeWork(lock, await releaseOnError(lock, () => work(lock)));
}

/** Runs `work`, and releases the lock if it fails; the error of `work` wins over one of the release. */
export async function releaseOnError<T>(
  lock: Lock,
  work: () => T | Promise<T>,
): Promise<Awaited<T>> {
  try {
    return await work();
  } catch (error) {
    await Lock.releaseAfterError(lock);
    throw error;
  }
}

/**
 * Releases the lock after the work, and decides whether its result counts: by the verdict of the
 * release, not by a signal that aborted over a network blip (R12). Without a verdict, by the clock.
 *
 * @throws LockLostError with `result` when another may have held it meanwhile
 */
export async function concludeWork<T>(lock: Lock, result: T): Promise<T> {
  await conclude(lock, result, () => lock.release());
  return result;
}

/**
 * The same with another command for a release. Resolves with what that does; undefined without a
 * verdict.
 */
export async function conclude<Verdict>(
  lock: Lock,
  result: unknown,
  release: () => Promise<Verdict>,
): Promise<Verdict | undefined> {
  if (lock.isDetached) return undefined;
  const wasValid = !lock.signal.aborted;
  try {
    return await release();
  } catch (cause) {
    // The lock may be of another copy of the package.
    if (isLockError(cause, "LOCK_RELEASE_UNKNOWN") && wasValid) return undefined;
    const why = isLockError(cause, "LOCK_NOT_OWNED")
      ? "it was no longer ours when the work was done"
      : "its time ran out during the work, and its release was not confirmed";
    throw new LockLostError(lock.key, why, { result, cause });
  }
}
