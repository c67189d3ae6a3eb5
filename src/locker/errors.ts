import type { LockEvent } from "../lock-events.ts";

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
export function lockerErrorOf(event: LockEvent): LockerError | undefined {
  return "error" in event ? { type: TYPES[event.type], error: event.error } : undefined;
}
