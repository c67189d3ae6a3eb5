import type { LockData, ProcessData } from "./lock-record.ts";
import type { LockStatus } from "./lock-status.ts";

/** How the primitives of distributed-locker end. */
export type CreateOutcome =
  { readonly status: LockStatus.SUCCESS; readonly lockData: LockData } | SomeoneElseHolds;
export type UpdateOutcome =
  CreateOutcome | { readonly status: LockStatus.NO_KEY; readonly lockData: null };
export type DeleteOutcome =
  | { readonly status: LockStatus.SUCCESS; readonly lockData: null }
  | ({ readonly status: LockStatus.NO_KEY; readonly lockData: null } & MaybeTaken)
  | (SomeoneElseHolds & MaybeTaken)
  | { readonly retriableError: unknown };

/** Told by a backend that knows why a lock is no longer its owner's. */
interface MaybeTaken {
  /** It was certainly taken over or forced. */
  readonly isTaken?: true;
}

interface SomeoneElseHolds {
  readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
  /** Null when what is stored is no lock record. */
  readonly lockData: LockData | null;
}

/**
 * One record at a time, as in distributed-locker: the least a backend can offer. The operations of the
 * engine can be composed of them, each with less than a backend could do by itself.
 */
export interface LockPrimitives {
  /** Reads the record of a lock; null when there is none, or nothing readable. */
  readLockData(key: string): Promise<LockData | null>;
  /** Writes a lock record unless the key is held; its own owner hash there is a success. */
  tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome>;
  /** Rewrites a lock record if it has this owner hash. Never shortens the time it has left. */
  tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome>;
  /** Deletes a lock record if it has this owner hash. `retriableError`: no answer, ask again. */
  tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome>;
  /** Reads a process's liveness; null when it is dead. */
  readProcessData(processHash: string): Promise<ProcessData | null>;
  /** Reports a process alive for `ttlMs`. Never shortens the time it has left. */
  saveProcessData(processHash: string, processData: ProcessData, ttlMs: number): Promise<void>;
}
