/** Marks our errors, whichever copy of the package created them. */
const BRAND = Symbol.for("leasehold.error");

/** The `code` of every error this library throws on purpose. */
export type LockErrorCode =
  | "LOCK_ACQUISITION"
  | "LOCK_NOT_OWNED"
  | "LOCK_EXTENSION"
  | "LOCK_RELEASE_UNKNOWN"
  | "LOCK_LOST"
  | "LOCK_FINGERPRINT"
  | "LOCK_CONFIGURATION"
  | "LOCK_MUTEX"
  | "LOCK_DATABASE";

/**
 * Base of every error of this library. `lockKey` is the user's key (undefined where there is none);
 * `cause` is the underlying error, cleaned of commands and credentials.
 */
export abstract class LockError extends Error {
  /** The class's name, literally: minifiers rename classes. */
  abstract override readonly name: string;
  abstract readonly code: LockErrorCode;
  readonly lockKey: string | undefined;

  constructor(message: string, lockKey?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.lockKey = lockKey;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** For logs: leaves out the token and the result, and of the cause all but its name and message. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, message, cause } = this;
    const fields = Object.entries(this).filter(([field]) => !UNLOGGED.has(field));
    const brief =
      cause instanceof Error ? { cause: { name: cause.name, message: cause.message } } : {};
    return { name, message, ...Object.fromEntries(fields), ...brief };
  }
}

/** Fields of errors that are for use in code, not for logs. */
const UNLOGGED: ReadonlySet<string> = new Set(["token", "result"]);

/** The class of each {@link LockErrorCode}. */
interface LockErrors {
  LOCK_ACQUISITION: LockAcquisitionError;
  LOCK_NOT_OWNED: LockNotOwnedError;
  LOCK_EXTENSION: LockExtensionError;
  LOCK_RELEASE_UNKNOWN: LockReleaseUnknownError;
  LOCK_LOST: LockLostError;
  LOCK_FINGERPRINT: LockFingerprintError;
  LOCK_CONFIGURATION: LockConfigurationError;
  LOCK_MUTEX: LockError & { readonly code: "LOCK_MUTEX" };
  LOCK_DATABASE: DatabaseError;
}

/**
 * True for every error of this library, including those of another copy of the package, where
 * `instanceof` fails. With `code`, true only for that kind.
 *
 * @example if (isLockError(error, "LOCK_ACQUISITION")) return busy(error.reason);
 */
export function isLockError(value: unknown): value is LockError;
export function isLockError<Code extends LockErrorCode>(
  value: unknown,
  code: Code,
): value is LockErrors[Code];
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
  override readonly name: string = "LockAcquisitionError";
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

/**
 * Whether a lock could not be acquired because another holds it: neither aborted nor unanswered.
 *
 * @example if (isHeldByAnother(error)) return c.text("busy", 409);
 */
export function isHeldByAnother(error: unknown): error is LockAcquisitionError {
  if (!isLockError(error, "LOCK_ACQUISITION")) return false;
  return error.reason === "held" || error.reason === "timeout";
}

/** The lock is not, or no longer, owned by this `token`: it expired, was taken over or forced. */
export class LockNotOwnedError extends LockError {
  override readonly name: string = "LockNotOwnedError";
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
  override readonly name: string = "LockExtensionError";
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
  override readonly name: string = "LockReleaseUnknownError";
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
  override readonly name: string = "LockLostError";
  readonly code = "LOCK_LOST";
  /** What the callback of `withLock` returned, if it did return. */
  readonly result: unknown;

  constructor(lockKey: string, why: string, details: { result?: unknown; cause?: unknown } = {}) {
    super(`Lock "${lockKey}" was lost: ${why}.`, lockKey, details.cause);
    this.result = details.result;
  }
}

/** A job with this key runs, or has completed, with other input: it is not the same job. */
export class LockFingerprintError extends LockError {
  override readonly name: string = "LockFingerprintError";
  readonly code = "LOCK_FINGERPRINT";

  constructor(lockKey: string) {
    const message = `The job "${lockKey}" was requested before with other input: its fingerprint differs.`;
    super(message, lockKey);
  }
}

/** An option is invalid; nothing was sent. */
export class LockConfigurationError extends LockError {
  override readonly name: string = "LockConfigurationError";
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
  override readonly name: string = "DatabaseError";
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
  if (isLockError(error, "LOCK_DATABASE")) {
    // It may be of another copy of the package, of any version.
    const applied = error.applied === "no" ? "no" : "unknown";
    return { applied, retriable: error.retriable };
  }
  const isOurs = isLockError(error, "LOCK_CONFIGURATION");
  return isOurs ? { applied: "no", retriable: false } : { applied: "unknown", retriable: true };
}
