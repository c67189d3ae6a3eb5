import type { LockStatus } from "./lock-status.ts";

/** What is stored for each lock, as in distributed-locker. Times are ISO strings, for people. */
export interface LockData {
  /** Names the holder, in the whole world: `key@processHash.seq#trace`. */
  readonly ownerHash: string;
  /** Whose liveness keeps the lock: the holder is dead once this process's record has expired. */
  readonly processHash: string;
  /** Free text of the holder, for people. */
  readonly trace?: string;
  readonly acquiredAt: string;
  readonly extendedAt: string;
  /** Fencing token: rises with every acquisition. */
  readonly fence?: number;
  /** How long the holder's liveness lasts without renewal, in ms. */
  readonly livenessMs?: number;
}

/** What is stored for each live process (here: for each acquisition). */
export interface ProcessData {
  readonly aliveAt: string;
}

/** One key under one owner hash, as stored or to be stored. */
export interface Claim {
  readonly key: string;
  readonly lockData: LockData;
}

/** A holder that may be dead: the record a refusal showed, if it can outlive its process. */
export interface Suspect {
  readonly key: string;
  readonly ownerHash: string;
  readonly processHash: string;
}

/** All claims of a request share one `processHash`; all are had, or none. Times in ms. */
export interface AcquireRequest {
  readonly claims: readonly Claim[];
  readonly ttlMs: number;
  readonly livenessMs: number;
  /** Holders to take over from, if their process is gone. */
  readonly suspects: readonly Suspect[];
}

export type AcquireOutcome =
  | {
      readonly status: LockStatus.SUCCESS;
      /** Undefined where the backend keeps no counter. */
      readonly fence: number | undefined;
      /** The key taken over from a dead holder, if one was. */
      readonly takenOver: string | undefined;
    }
  | {
      readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
      readonly key: string;
      /** Null when what is stored is no lock record. */
      readonly lockData: LockData | null;
      /** Null when the lock has no expiry, or the backend does not know. */
      readonly remainingMs: number | null;
    }
  /** This owner hash was refused, or its lock has ended: it can never acquire again. */
  | { readonly status: "GONE" }
  /** This owner hash holds the lock, but its liveness ended: it can never acquire again. */
  | { readonly status: "LOST" };

/** One claim to keep. `fence` is in its lockData. 0 ms leaves that expiry as it is. */
export interface RenewRequest extends Claim {
  readonly ttlMs: number;
  readonly livenessMs: number;
}

export type RenewOutcome = LockStatus.SUCCESS | "LOST";

/** The claims of one acquisition to give back. */
export interface ReleaseRequest {
  readonly claims: readonly Claim[];
  /** Undefined: of whatever fence, because the answer that told it was lost. */
  readonly fence: number | undefined;
}

export type ReleaseOutcome =
  | { readonly status: LockStatus.SUCCESS; readonly lockData: null }
  | NotReleased<LockStatus.NO_KEY, null>
  | NotReleased<LockStatus.SOMEONE_ELSE_HOLDS_LOCK, LockData | null>;

interface NotReleased<Status extends LockStatus, Holder> {
  readonly status: Status;
  readonly lockData: Holder;
  /** It was taken over or forced for certain; otherwise an earlier send of the release may have ended it. */
  readonly isTaken?: true;
}

/** What {@link Database.inspect} sees at a key. */
export interface Inspection {
  /** Null when what is stored is no lock record: held by someone unreadable. */
  readonly lockData: LockData | null;
  readonly remainingMs: number | null;
  /** False when a new acquisition would take over from this holder. */
  readonly alive: boolean;
}

/** The outcome of the primitives of distributed-locker. */
export type CreateOutcome =
  | { readonly status: LockStatus.SUCCESS; readonly lockData: LockData }
  | { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK; readonly lockData: LockData | null };
export type UpdateOutcome =
  CreateOutcome | { readonly status: LockStatus.NO_KEY; readonly lockData: null };
export type DeleteOutcome = ReleaseOutcome | { readonly retriableError: unknown };

/** Whether a lock with this record can still stand when its holder is dead, so that it pays to look. */
export function canOutliveHolder(lockData: LockData, remainingMs: number | null): boolean {
  return (
    lockData.livenessMs === undefined || remainingMs === null || remainingMs > lockData.livenessMs
  );
}
