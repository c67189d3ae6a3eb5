import type { LockData } from "../database/lock-record.ts";
import { LockError } from "../errors.ts";
import type { LockEvent } from "../lock-events.ts";

/** `Locker.mutex` could not have the mutex in time. */
export class MutexError extends LockError {
  readonly code = "LOCK_MUTEX";
  /** The holder's record. Not enumerable: for the program's own use, not for logs or answers. */
  declare readonly lockData: LockData;

  constructor(lockKey: string, lockData: LockData) {
    super(`Mutex "${lockKey}" was held by another for too long.`, lockKey);
    Object.defineProperty(this, "lockData", { value: lockData });
  }
}

/** What goes wrong in the background of a Locker, and passes. */
export interface LockerError {
  readonly type: "reporter" | "locker" | "lost_lock";
  readonly error: unknown;
}

const TYPES = {
  renewalFailed: "reporter",
  releaseFailed: "locker",
  lost: "lost_lock",
} as const;

/** What a Locker tells its `errors` of an event, if it does. */
export function toLockerError(event: LockEvent): LockerError | undefined {
  return "error" in event ? { type: TYPES[event.type], error: event.error } : undefined;
}
