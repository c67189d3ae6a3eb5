import type { LockData } from "../database/lock-record.ts";
import { LockStatus } from "../database/lock-status.ts";
import type { UpdateOutcome } from "../database/primitives.ts";
import type { ReleaseVerdict } from "../lease/release.ts";

/** Extends a lock and reports whether it is still held. */
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

/** The verdict in the vocabulary of distributed-locker. `expired` is what Redis shows: no key. */
export function toReleaseOutcome(verdict: ReleaseVerdict): LockerReleaseOutcome {
  switch (verdict.status) {
    case "released":
      return { status: LockStatus.SUCCESS, lockData: null };
    case "held":
      return {
        status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
        lockData: verdict.lockData ?? UNREADABLE,
      };
    case "missing":
    case "expired":
      return { status: LockStatus.NO_KEY, lockData: null };
  }
}
