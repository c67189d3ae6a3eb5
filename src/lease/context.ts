import type { LockOperations } from "../database/operations.ts";
import type { LockEvent } from "../lock-events.ts";
import type { Runtime } from "../runtime.ts";

/** What everything that keeps locks alive works with. */
export interface LeaseContext {
  readonly database: LockOperations;
  readonly runtime: Runtime;
  readonly waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  /** Goes in front of the user's keys; errors and events name keys without it. */
  readonly keyPrefix: string;
  readonly emit: (event: LockEvent) => void;
}
