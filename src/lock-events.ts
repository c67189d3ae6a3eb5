import type { LockLostError } from "./errors.ts";

/** What happens to locks, for logs and metrics. Times in ms. */
export type LockEvent =
  | {
      readonly type: "acquired";
      readonly keys: readonly string[];
      readonly fence: number | undefined;
      /** From the call until the lock was acquired. */
      readonly waitedMs: number;
    }
  | {
      readonly type: "busy";
      readonly key: string;
      readonly remainingMs: number | null;
      /** 1 for the first attempt of a call. */
      readonly attempt: number;
    }
  | { readonly type: "takeover"; readonly key: string }
  | { readonly type: "renewed"; readonly keys: readonly string[]; readonly expiresAt: Date }
  | { readonly type: "renewalFailed"; readonly keys: readonly string[]; readonly error: unknown }
  | { readonly type: "lost"; readonly keys: readonly string[]; readonly error: LockLostError }
  | { readonly type: "maxHold"; readonly keys: readonly string[] }
  | { readonly type: "released"; readonly keys: readonly string[]; readonly heldMs: number }
  | { readonly type: "releaseFailed"; readonly keys: readonly string[]; readonly error: unknown };
