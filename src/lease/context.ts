import type { LockOperations } from "../database/operations.ts";
import type { LockEvent } from "../lock-events.ts";
import type { Runtime } from "../runtime.ts";

/** What everything in this folder works with. */
export interface LeaseContext {
  readonly database: LockOperations;
  readonly runtime: Runtime;
  readonly waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  /** Prepended to the user's keys; errors and events name keys without it. */
  readonly keyPrefix: string;
  readonly emit: (event: LockEvent) => void;
}
