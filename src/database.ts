import { checkInteger } from "./check.ts";
import { Events } from "./events.ts";
import type { LockStatus } from "./lock-status.ts";
import { systemRuntime, type Runtime } from "./runtime.ts";

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
  /** This owner hash was released, taken over or forced: it can never acquire again. */
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
  | { readonly status: LockStatus.NO_KEY; readonly lockData: null }
  | { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK; readonly lockData: LockData | null };

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

export interface DatabaseOptions {
  /** Longest wait for one command, in ms; a later answer counts as none. @default 2_000 */
  readonly requestTimeout?: number;
  /** Clock, timers and randomness; another one is for tests. */
  readonly runtime?: Runtime;
}

/**
 * The contract of a backend. Stateless but for plain data, so that one instance may serve many
 * requests. Every method rejects with `DatabaseError` when it has no answer that counts.
 */
export abstract class Database {
  /** Recoverable errors. */
  readonly errors: Events<unknown> = new Events<unknown>();
  readonly requestTimeout: number;
  protected readonly runtime: Runtime;

  constructor({ requestTimeout = 2_000, runtime = systemRuntime }: DatabaseOptions = {}) {
    this.requestTimeout = checkInteger("requestTimeout", requestTimeout, 1);
    this.runtime = runtime;
  }

  /** Reads the record of a lock; null when there is none, or nothing readable. */
  abstract readLockData(key: string): Promise<LockData | null>;
  /** Writes a lock record unless the key is held; its own owner hash there is a success. */
  abstract tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome>;
  /** Rewrites a lock record if it has this owner hash. Never shortens the time it has left. */
  abstract tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome>;
  /** Deletes a lock record if it has this owner hash. `retriableError`: no answer, ask again. */
  abstract tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome>;
  /** Reads a process's liveness; null when it is dead. */
  abstract readProcessData(processHash: string): Promise<ProcessData | null>;
  /** Reports a process alive for `ttlMs`. */
  abstract saveProcessData(
    processHash: string,
    processData: ProcessData,
    ttlMs: number,
  ): Promise<void>;
  /** Lets go of connections. */
  abstract terminate(): Promise<void>;

  /** Takes all claims or none; repeating it is harmless, and a late delivery creates nothing. */
  abstract acquire(request: AcquireRequest): Promise<AcquireOutcome>;
  /** Keeps claims alive, each if it is still there under its owner hash and fence. */
  abstract renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]>;
  /** Gives claims back, and keeps their owner hash from acquiring again. */
  abstract release(request: ReleaseRequest): Promise<ReleaseOutcome>;
  /** Looks at a key; null when it is free. */
  abstract inspect(key: string): Promise<Inspection | null>;
  /** Deletes the lock of this owner, or (null) what is there and is no lock record. */
  abstract forceDelete(key: string, ownerHash: string | null): Promise<boolean>;

  createLockData(owner: {
    readonly ownerHash: string;
    readonly processHash: string;
    readonly trace: string | undefined;
  }): LockData {
    const now = this.#isoNow();
    return {
      ownerHash: owner.ownerHash,
      processHash: owner.processHash,
      ...(owner.trace ? { trace: owner.trace } : {}),
      acquiredAt: now,
      extendedAt: now,
    };
  }

  createProcessData(): ProcessData {
    return { aliveAt: this.#isoNow() };
  }

  #isoNow(): string {
    return new Date(this.runtime.now().wall).toISOString();
  }
}

/** Whether a lock with this record can still stand when its holder is dead, so that it pays to look. */
export function canOutliveHolder(lockData: LockData, remainingMs: number | null): boolean {
  return (
    lockData.livenessMs === undefined || remainingMs === null || remainingMs > lockData.livenessMs
  );
}
