import type { GiveBackOutcome } from "../lease/release.ts";
import type { LockData, UpdateOutcome } from "../database/operations.ts";
import { LockStatus } from "../database/lock-status.ts";

/** Extends a lock and tells whether it is still held. */
export type Extend = () => Promise<UpdateOutcome>;

export type LockerAcquireOutcome =
  | {
      readonly status: LockStatus.SUCCESS;
      readonly lockData: LockData;
      readonly extend: Extend;
    }
  | {
      readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
      readonly lockData: LockData;
      readonly extend?: never;
    };

export type LockerRunOutcome<T> =
  | { readonly status: LockStatus.SUCCESS; readonly result: T; readonly lockData?: never }
  | {
      readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
      readonly lockData: LockData;
      readonly result?: never;
    };

export type LockerReleaseOutcome =
  | { readonly status: LockStatus.SUCCESS; readonly lockData: null }
  | { readonly status: LockStatus.NO_KEY; readonly lockData: null }
  | { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK; readonly lockData: LockData };

/** Stands for a holder whose record cannot be read. */
export const UNREADABLE: LockData = {
  ownerHash: "",
  processHash: "",
  acquiredAt: "",
  extendedAt: "",
};

/** `EXPIRED` is what it looks like in Redis: no key. */
export function releaseOutcome(outcome: GiveBackOutcome): LockerReleaseOutcome {
  switch (outcome.status) {
    case LockStatus.SUCCESS:
      return outcome;
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status: outcome.status, lockData: outcome.lockData ?? UNREADABLE };
    case LockStatus.NO_KEY:
    case "EXPIRED":
      return { status: LockStatus.NO_KEY, lockData: null };
  }
}
