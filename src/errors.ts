/** Marks our errors, whichever copy of the package created them. */
const BRAND = Symbol.for("leasehold.error");

/** The `code` of every error this library throws on purpose. */
export type LockErrorCode =
  | "LOCK_ACQUISITION"
  | "LOCK_NOT_OWNED"
  | "LOCK_EXTENSION"
  | "LOCK_RELEASE_UNKNOWN"
  | "LOCK_LOST"
  | "LOCK_CONFIGURATION"
  | "LOCK_MUTEX"
  | "LOCK_DATABASE";

/**
 * Base of every error of this library. `lockKey` is the user's key (undefined where there is
 * none); `cause` is the underlying error, cleaned of commands and credentials.
 */
export abstract class LockError extends Error {
  abstract readonly code: LockErrorCode;
  readonly lockKey: string | undefined;

  constructor(message: string, lockKey?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.lockKey = lockKey;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * True for every error of this library, including those of another copy of the package, where
 * `instanceof` fails. With `code`, true only for that kind.
 *
 * @example if (isLockError(error, "LOCK_ACQUISITION")) return busy();
 */
export function isLockError(value: unknown, code?: LockErrorCode): value is LockError {
  return (
    value instanceof Error &&
    BRAND in value &&
    (code === undefined || ("code" in value && value.code === code))
  );
}

/** Why a lock could not be acquired: see {@link LockAcquisitionError}. */
export type LockAcquisitionReason = "held" | "timeout" | "aborted" | "error";

/** What is known about the holder when an acquisition is refused. */
export interface RefusedBy {
  /** The holder's owner hash; null when unknown or unreadable. Not for end users. */
  readonly holder: string | null;
  /** Milliseconds the holder's lock has left; null when it has no expiry or this is unknown. */
  readonly remainingMs: number | null;
}

/**
 * The lock could not be acquired. `reason`: `held`, refused, and no retry was requested; `timeout`,
 * retries or `waitTimeout` exhausted; `aborted`, by the signal; `error`, no conclusive answer from
 * the database (see `cause`).
 */
export class LockAcquisitionError extends LockError {
  readonly code = "LOCK_ACQUISITION";
  readonly reason: LockAcquisitionReason;
  readonly remainingMs: number | null;
  /** Not enumerable: for use in code, and to be kept out of logs and responses. */
  declare readonly holder: string | null;

  constructor(
    reason: LockAcquisitionReason,
    lockKey: string,
    message: string,
    details: Partial<RefusedBy> & { readonly cause?: unknown } = {},
  ) {
    super(message, lockKey, details.cause);
    this.reason = reason;
    this.remainingMs = details.remainingMs ?? null;
    Object.defineProperty(this, "holder", { value: details.holder ?? null });
  }
}

/** Whether a lock could not be acquired because another holds it: neither aborted nor unanswered. */
export function isHeldByAnother(error: unknown): error is LockAcquisitionError {
  if (!isLockError(error, "LOCK_ACQUISITION") || !("reason" in error)) return false;
  return error.reason === "held" || error.reason === "timeout";
}

/** The lock is not, or no longer, owned by this `token`: it expired, was taken over or forced. */
export class LockNotOwnedError extends LockError {
  readonly code = "LOCK_NOT_OWNED";
  readonly token: string;

  constructor(lockKey: string, token: string) {
    super(
      `Lock "${lockKey}" is not owned by this token: it expired, was taken over or was force-released before its own release. Work that outlasts the TTL needs autoRenew or extend().`,
      lockKey,
    );
    this.token = token;
  }
}

/** The lock could not be extended. `cause` distinguishes a lost lock from an unanswered request. */
export class LockExtensionError extends LockError {
  readonly code = "LOCK_EXTENSION";
  readonly token: string;

  constructor(lockKey: string, token: string, message: string, cause: unknown) {
    super(message, lockKey, cause);
    this.token = token;
  }
}

/**
 * The release was not confirmed, and may or may not have been applied. After a transient error it is
 * retried in the background until the lock's TTL has passed; by then the key is free at the latest.
 */
export class LockReleaseUnknownError extends LockError {
  readonly code = "LOCK_RELEASE_UNKNOWN";

  constructor(lockKey: string, cause: unknown) {
    super(
      `The release of lock "${lockKey}" was not confirmed. It ends with its TTL at the latest.`,
      lockKey,
      cause,
    );
  }
}

/** The lock was lost while it was held: reason of `lock.signal`, and how `withLock` rejects. */
export class LockLostError extends LockError {
  readonly code = "LOCK_LOST";
  /** What the callback of `withLock` returned, if it did return. */
  readonly result: unknown;

  constructor(lockKey: string, why: string, details: { result?: unknown; cause?: unknown } = {}) {
    super(`Lock "${lockKey}" was lost: ${why}.`, lockKey, details.cause);
    this.result = details.result;
  }
}

/** An option is invalid; nothing was sent. */
export class LockConfigurationError extends LockError {
  readonly code = "LOCK_CONFIGURATION";
  /** The option, e.g. `"ttl"`. */
  readonly option: string;

  constructor(option: string, message: string, cause?: unknown) {
    super(`${option}: ${message}`, undefined, cause);
    this.option = option;
  }
}

/**
 * The database refused, or gave no conclusive answer. `applied: "no"` is certain;
 * `"unknown"` means the command may have been carried out, or may still be.
 */
export class DatabaseError extends LockError implements Failure {
  readonly code = "LOCK_DATABASE";
  readonly applied: "no" | "unknown";
  /** Whether the error is transient, and the same command may succeed soon (loading, failover, busy). */
  readonly retriable: boolean;

  constructor(message: string, failure: Failure & { readonly cause?: unknown }) {
    super(message, undefined, failure.cause);
    this.applied = failure.applied;
    this.retriable = failure.retriable;
  }
}

/** What is known about a command that failed. */
export interface Failure {
  /** `"no"` is certain; `"unknown"`: it may have been carried out, or may still be. */
  readonly applied: "no" | "unknown";
  /** Whether the same command may succeed soon. */
  readonly retriable: boolean;
}

/** No answer came in time: the command may have been carried out, or may still be. */
export function noAnswerWithin(ms: number, operation?: string): DatabaseError {
  const what = operation === undefined ? "" : ` to "${operation}"`;
  return new DatabaseError(`The database gave no answer${what} within ${Math.round(ms)} ms`, {
    applied: "unknown",
    retriable: true,
  });
}

/** What an error says about the command that failed; a foreign error says nothing, so: unknown. */
export function classifyFailure(error: unknown): Failure {
  if (isLockError(error, "LOCK_DATABASE") && "applied" in error && "retriable" in error) {
    // By its fields, not its class: it may be of another copy of the package.
    return {
      applied: error.applied === "no" ? "no" : "unknown",
      retriable: error.retriable === true,
    };
  }
  const isOurs = isLockError(error, "LOCK_CONFIGURATION");
  return isOurs ? { applied: "no", retriable: false } : { applied: "unknown", retriable: true };
}
