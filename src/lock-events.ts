import type { LockAcquisitionReason, LockLostError } from "./errors.ts";

/** Which lock an event is about. */
export interface LockIdentity {
  readonly keys: readonly [string, ...string[]];
  /** Names the acquisition, in Redis as well: `lock.token`. */
  readonly token: string;
  readonly trace: string | undefined;
}

/** A call that has no lock yet. */
interface CallIdentity {
  readonly key: string;
  readonly trace: string | undefined;
}

/** What happens to locks, for logs and metrics. Times in ms. */
export type LockEvent =
  | (LockIdentity & {
      readonly type: "acquired";
      readonly fence: number | undefined;
      /** From the call until the lock was acquired. */
      readonly waitedMs: number;
    })
  | (CallIdentity & {
      readonly type: "busy";
      readonly remainingMs: number | null;
      /** 1 for the first attempt of a call. */
      readonly attempt: number;
    })
  /** A call has ended without the lock, whether it threw or returned null. */
  | (CallIdentity & {
      readonly type: "acquireFailed";
      readonly reason: LockAcquisitionReason;
      readonly waitedMs: number;
    })
  | (CallIdentity & { readonly type: "takeover" })
  | (LockIdentity & { readonly type: "renewed"; readonly expiresAt: Date })
  | (LockIdentity & { readonly type: "renewalFailed"; readonly error: unknown })
  | (LockIdentity & { readonly type: "lost"; readonly error: LockLostError })
  | (LockIdentity & { readonly type: "maxHold" })
  /** Still held this long after the response, when Cloudflare soon ends what goes on: see `responded`. */
  | (LockIdentity & { readonly type: "heldAfterResponse"; readonly sinceResponseMs: number })
  | (LockIdentity & { readonly type: "released"; readonly heldMs: number })
  /** It has ended here, for another process to attach. */
  | (LockIdentity & { readonly type: "detached"; readonly heldMs: number })
  | (LockIdentity & { readonly type: "releaseFailed"; readonly error: unknown })
  /** A job has completed, and its result cannot be kept: it is remembered without it, if at all. */
  | (LockIdentity & { readonly type: "resultNotKept"; readonly error: unknown })
  /** A request has used up its `requestBudget`; nothing is held back. */
  | { readonly type: "requestBudget"; readonly requests: number };
