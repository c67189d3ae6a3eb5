import { checkTtl } from "./check.ts";
import {
  LockExtensionError,
  LockLostError,
  LockNotOwnedError,
  LockReleaseUnknownError,
  isLockError,
} from "./errors.ts";
import type { Holding } from "./lease/lease.ts";
import type { Lease } from "./lease/session.ts";
import type { LockEvent } from "./lock-events.ts";
import type { Runtime } from "./runtime.ts";

/** What a lock needs of the service that acquired it. */
export interface LockOrigin {
  readonly lease: Lease;
  readonly runtime: Runtime;
  readonly maxTtl: number;
  readonly emit: (event: LockEvent) => void;
  readonly ttl: number;
  readonly trace: string | undefined;
}

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
  readonly #holding: Holding;
  readonly #origin: LockOrigin;
  #ttl: number;
  #released: Promise<void> | undefined;

  constructor(holding: Holding, origin: LockOrigin) {
    this.key = holding.key;
    this.keys = holding.keys;
    this.token = holding.token;
    this.fence = holding.fence;
    this.trace = origin.trace;
    this.acquiredAt = new Date(holding.since.wall);
    this.#holding = holding;
    this.#origin = origin;
    this.#ttl = origin.ttl;
  }

  /** The time it was last granted for (by acquire or extend), in ms; less near a `deadline`. */
  get ttl(): number {
    return this.#ttl;
  }

  /** When it ends unless it is renewed: on this machine's clock, never later than in Redis. */
  get expiresAt(): Date {
    return this.#holding.validity.expiresAt(this.#origin.runtime.now());
  }

  /** Whether renewals go on. False after stopAutoRenew, loss, release and maxHold. */
  get isAutoRenewing(): boolean {
    return this.#holding.isRenewing;
  }

  /** Aborts with a LockLostError before Redis can let another in. Pass it to what you call. */
  get signal(): AbortSignal {
    return this.#holding.signal;
  }

  /**
   * Gives the lock back. Resolves when Redis has confirmed it or the TTL has passed; safe to call
   * twice, also at the same time.
   *
   * @throws LockNotOwnedError when it was no longer ours
   * @throws LockReleaseUnknownError after two sends without an answer; the background goes on
   */
  async release(): Promise<void> {
    const released = (this.#released ??= this.#release());
    try {
      await released;
    } catch (error) {
      // Still unconfirmed: the next call looks again. Every other verdict is final.
      const isOpen = isLockError(error, "LOCK_RELEASE_UNKNOWN");
      if (isOpen && this.#released === released) this.#released = undefined;
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { lease } = this.#origin;
    const wasLost = this.#holding.lost !== undefined;
    const { status } = await lease.release(this.#holding);
    const isOwn = status === "SUCCESS" || (status === "EXPIRED" && !wasLost);
    if (!isOwn) throw new LockNotOwnedError(this.key, this.token);
  }

  /**
   * Guarantees at least `ttl` ms from now; never shortens.
   *
   * @throws LockConfigurationError for a ttl below 100 or above `maxTtl`
   * @throws LockExtensionError when the lock is lost or released, or no answer came (see `cause`)
   */
  async extend(ttl: number): Promise<void> {
    const { lease, runtime, maxTtl } = this.#origin;
    checkTtl("ttl", ttl, maxTtl);
    this.#assertExtensible();
    const ttlMs = Math.min(ttl, this.#holding.beforeDeadline(runtime.now()));
    if (ttlMs <= 0) throw this.#extensionError("the deadline has passed", undefined);
    try {
      await lease.prolong(this.#holding, { ttlMs, livenessMs: ttlMs });
    } catch (error) {
      throw this.#extensionError("no answer confirmed it", error);
    }
    this.#assertExtensible();
    this.#ttl = ttlMs;
  }

  #assertExtensible(): void {
    const { lost, isReleasing } = this.#holding;
    if (lost !== undefined) throw this.#extensionError("the lock was lost", lost);
    if (isReleasing) throw this.#extensionError("the lock was released", undefined);
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
    if (this.#holding.isReleasing || this.#holding.lost !== undefined) return false;
    await this.#origin.lease.prolong(this.#holding, { ttlMs: 0, livenessMs: 0 });
    return !this.#holding.isReleasing && this.#holding.lost === undefined;
  }

  /**
   * Looks at flag and clock, without I/O.
   *
   * @throws LockLostError when the lock is lost
   * @throws LockNotOwnedError when it was released
   */
  assertHeld(): void {
    if (this.#holding.lost !== undefined) throw this.#holding.lost;
    if (this.#holding.isReleasing) throw new LockNotOwnedError(this.key, this.token);
  }

  /** Lets the lock end with its TTL. */
  stopAutoRenew(): void {
    this.#origin.lease.stopRenewing(this.#holding);
  }

  /** Releases, for `await using`. Never throws: loss shows on the signal, failure in the events. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      // Sends that failed have been reported one by one.
      if (isLockError(error, "LOCK_RELEASE_UNKNOWN")) return;
      this.#origin.emit({ type: "releaseFailed", keys: this.keys, error });
    }
  }
}

/**
 * Releases after the work is done, and says what the work is worth: the release verdict decides,
 * not a signal that aborted over a network blip. Where no verdict came, the clock does.
 *
 * @throws LockLostError with `result` when another may have been in
 */
export async function concludeWork<T>(lock: Lock, result: T): Promise<T> {
  const wasValid = !lock.signal.aborted;
  try {
    await lock.release();
  } catch (cause) {
    if (cause instanceof LockReleaseUnknownError && wasValid) return result;
    const why =
      cause instanceof LockNotOwnedError
        ? "it was no longer ours when the work was done"
        : "its time ran out during the work, and its release was not confirmed";
    throw new LockLostError(lock.key, why, { result, cause });
  }
  return result;
}
