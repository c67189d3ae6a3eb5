import type { LockData } from "../database/lock-record.ts";
import type { LockPrimitives } from "../database/primitives.ts";
import type { Claim } from "../database/operations.ts";
import { LockError, type LockLostError } from "../errors.ts";
import type { LockEvent } from "../lock-events.ts";

/** `Locker.mutex` could not acquire the mutex in time. */
export class MutexError extends LockError {
  override readonly name: string = "MutexError";
  readonly code = "LOCK_MUTEX";
  /** The record of the holder. Not enumerable: for use in code, and to be kept out of logs. */
  declare readonly lockData: LockData;

  constructor(lockKey: string, lockData: LockData) {
    super(`Mutex "${lockKey}" was held by another for too long.`, lockKey);
    Object.defineProperty(this, "lockData", { value: lockData });
  }
}

/** The loss of a job's lock, with the fields of distributed-locker's own error. */
export type JobLostError = LockLostError & {
  readonly key: string;
  /** Names the lost lock. Not enumerable, as `lockData`: to be kept out of logs. */
  readonly ownerHash: string;
  /** The record of who holds the lock now; null when it is free, or this could not be learned. */
  readonly lockData: LockData | null;
};

/** Adds what distributed-locker's error says to that of a lease. */
export async function toJobLostError(
  lost: LockLostError,
  { key, lockData: { ownerHash } }: Claim,
  database: Pick<LockPrimitives, "readLockData">,
): Promise<JobLostError> {
  if (isJobLostError(lost)) return lost;
  const holder = await database.readLockData(key).catch(() => null);
  // Two heartbeats may have found out at once.
  if (isJobLostError(lost)) return lost;
  return Object.defineProperties(lost, {
    key: { value: key },
    ownerHash: { value: ownerHash },
    lockData: { value: holder },
  }) as JobLostError;
}

function isJobLostError(lost: LockLostError): lost is JobLostError {
  return "lockData" in lost;
}

/** What went wrong in the background of a Locker. */
export interface LockerError {
  readonly type: "reporter" | "locker" | "lost_lock";
  readonly error: unknown;
}

const TYPES = {
  renewalFailed: "reporter",
  releaseFailed: "locker",
  resultNotKept: "locker",
  lost: "lost_lock",
} as const;

/** What a Locker reports to its `errors` for an event, if anything. */
export function toLockerError(event: LockEvent): LockerError | undefined {
  return "error" in event ? { type: TYPES[event.type], error: event.error } : undefined;
}
