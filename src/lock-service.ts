import { checkType } from "./check.ts";
import type { Inspection, LockOperations } from "./database/operations.ts";
import { LockAcquisitionError, LockConfigurationError, classifyFailure } from "./errors.ts";
import type { Events } from "./events.ts";
import { checkKey, checkKeys } from "./key.ts";
import { Acquire, type Busy } from "./lease/acquire.ts";
import { Session } from "./lease/session.ts";
import type { LeaseTerms } from "./lease/terms.ts";
import type { LockEvent } from "./lock-events.ts";
import {
  ServiceSettings,
  resolveTerms,
  type AcquireOptions,
  type LockServiceOptions,
  type RequestContext,
} from "./lock-options.ts";
import { Lock, runUnder } from "./lock.ts";

/** What {@link LockService.inspect} reports about a held lock. For operators, not for end users. */
export interface LockInfo {
  /** Owner hash of the holder; null when what is stored is not a lock record. */
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
    if (this.#settings.isBound) this.#session = this.#openSession();
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
    const terms = this.#terms(options);
    const outcome = await this.#acquire(checkKeys(key), terms);
    if (outcome.status === "held") throw refused(outcome);
    return new Lock(outcome.lease, this.#settings.maxTtl);
  }

  /**
   * Acquires a lock if it is free. Null only when another is known to hold it; never waits.
   *
   * @throws LockAcquisitionError with reason `error` or `aborted`
   * @throws LockConfigurationError before anything is sent
   */
  async tryAcquire(
    key: string | readonly string[],
    options?: Omit<AcquireOptions, "retry" | "waitTimeout">,
  ): Promise<Lock | null> {
    const terms = this.#terms(options);
    const once = { ...terms, waitTimeout: 0, retry: { ...terms.retry, maxRetries: 0 } };
    const outcome = await this.#acquire(checkKeys(key), once);
    return outcome.status === "held" ? null : new Lock(outcome.lease, this.#settings.maxTtl);
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
    options?: AcquireOptions,
  ): Promise<Awaited<T>> {
    checkType("work", work, "function");
    return runUnder(await this.acquire(key, options), work);
  }

  /**
   * Whether the request that this service is bound to holds the lock itself. No I/O.
   *
   * @throws LockConfigurationError when it is bound to none: its locks belong to many requests, so that
   *   neither answer could be relied on
   */
  holds(key: string): boolean {
    const name = checkKey(key);
    if (this.#session !== undefined) return this.#session.holds(name);
    throw new LockConfigurationError(
      "holds",
      "this service is bound to no request: use forRequest",
    );
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
    return seen === null ? null : toLockInfo(seen);
  }

  /**
   * Releases a lock whoever holds it; the holder's signal aborts at its next renewal. True if it was
   * removed. Two may then be at work at once: let fences decide.
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

  #terms(options: AcquireOptions | undefined): LeaseTerms {
    const settings = this.#settings;
    return options === undefined ? settings.defaults : resolveTerms(options, settings);
  }

  #acquire(keys: readonly [string, ...string[]], terms: LeaseTerms): ReturnType<Acquire["run"]> {
    return new Acquire(this.#session ?? this.#openSession(), keys, terms).run();
  }

  #openSession(): Session {
    const { database, runtime, waitUntil, keyPrefix, emitter } = this.#settings;
    const emit = (event: LockEvent): void => emitter.emit(event);
    return new Session({ database, runtime, waitUntil, keyPrefix, emit });
  }
}

/**
 * A lock service from a Database, from options, or as it is: checked by shape, as it may come from
 * another copy of the package.
 */
export function toLockService(
  source: LockOperations | LockService | LockServiceOptions,
): LockService {
  if (isLockService(source)) return source;
  return new LockService(isOperations(source) ? { database: source } : source);
}

/** Checked by shape: it may be of another copy of the package. */
export function isLockService(value: unknown): value is LockService {
  return typeof value === "object" && value !== null && "forRequest" in value;
}

function isOperations(value: object): value is LockOperations {
  return typeof value === "object" && value !== null && "forceDelete" in value;
}

/** The error of a call that treats a refusal as one. */
function refused({ key, lockData, remainingMs, reason, waitedMs }: Busy): LockAcquisitionError {
  const left = remainingMs === null ? "without expiry" : `for another ${remainingMs} ms`;
  const message =
    reason === "held"
      ? `Lock "${key}" is held by another ${left}.`
      : `Lock "${key}" was still held by another (${left}) after ${Math.round(waitedMs)} ms of waiting. Raise waitTimeout or retry.maxRetries to wait longer.`;
  const holder = lockData?.ownerHash ?? null;
  return new LockAcquisitionError(reason, key, message, { holder, remainingMs });
}

function toLockInfo({ lockData, remainingMs, alive }: Inspection): LockInfo {
  if (lockData === null) return { ...UNREADABLE, remainingMs, alive };
  const { ownerHash, trace = null, fence = null, acquiredAt, extendedAt } = lockData;
  return { holder: ownerHash, trace, fence, remainingMs, alive, acquiredAt, extendedAt };
}

/** What is known about a holder whose record cannot be read. */
const UNREADABLE = {
  holder: null,
  trace: null,
  fence: null,
  acquiredAt: null,
  extendedAt: null,
} as const;

/** Sends a command that is safe to repeat once more after a transient error. */
async function sendTwice<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!classifyFailure(error).retriable) throw error;
    return send();
  }
}
