import type { LockData } from "../database/lock-record.ts";
import { LockError } from "../errors.ts";
import type { LockEvent } from "../lock-events.ts";

/** `Locker.mutex` could not acquire the mutex in time. */
export class MutexError extends LockError {
  readonly code = "LOCK_MUTEX";
  /** The record of the holder. Not enumerable: for use in code, and to be kept out of logs. */
  declare readonly lockData: LockData;

  constructor(lockKey: string, lockData: LockData) {
    super(`Mutex "${lockKey}" was held by another for too long.`, lockKey);
    Object.defineProperty(this, "lockData", { value: lockData });
  }
}

/** What went wrong in the background of a Locker. */
export interface LockerError {
  readonly type: "reporter" | "locker" | "lost_lock";
  readonly error: unknown;
}

const TYPES = {
  renewalFailed: "reporter",
  releaseFailed: "locker",
  lost: "lost_lock",
} as const;

/** What a Locker reports to its `errors` for an event, if anything. */
export function toLockerError(event: LockEvent): LockerError | undefined {
  return "error" in event ? { type: TYPES[event.type], error: event.error } : undefined;
}
