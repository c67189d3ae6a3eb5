import { show } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import type { LockData } from "./lock-record.ts";

/** Backends with tombstones keep them for at least this long, in ms. */
export const MIN_GRACE_MS = 10_000;

/** What a backend can do beyond the primitives. */
export interface Capabilities {
  /** Every acquisition gets a higher fencing token. */
  readonly fences: boolean;
  /** Refusals and inspections report how long a lock has left. */
  readonly remainingMs: boolean;
  /** Several keys can be acquired at once, all or none. */
  readonly severalKeys: boolean;
  /** It remembers owner hashes: an acquire delivered after its refusal or its end creates nothing. */
  readonly tombstones: boolean;
}

/**
 * What the engine asks of a backend: five operations, each atomic and each safe to send twice. A
 * method rejects when it has no conclusive answer, best with a `DatabaseError`, and no later than
 * after `requestTimeout` (R8, R9).
 */
export interface LockOperations {
  /** Longest wait for one operation, in ms. */
  readonly requestTimeout: number;
  readonly capabilities: Capabilities;
  /** Takes all claims or none; repeating it is harmless, and a late delivery creates nothing. */
  acquire(request: AcquireRequest): Promise<AcquireOutcome>;
  /** Keeps claims alive, each if it is still there under its owner hash and fence. */
  renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]>;
  /** Releases claims, and keeps their owner hash from acquiring again. */
  release(request: ReleaseRequest): Promise<ReleaseOutcome>;
  /** Looks at a key; null when it is free. */
  inspect(key: string): Promise<Inspection | null>;
  /** Deletes the lock of this owner, or (null) what is stored there and is not a lock record. */
  forceDelete(key: string, ownerHash: string | null): Promise<boolean>;
}

/** One key under one owner hash, as stored or to be stored. */
export interface Claim {
  readonly key: string;
  readonly lockData: LockData;
}

/** One claim, or several that are acquired and released together. */
export type Claims = readonly [Claim, ...Claim[]];

/** The two times that are requested together, in ms. */
export interface LeaseTimes {
  /** How long the lock lasts. */
  readonly ttlMs: number;
  /** How long its holder counts as alive. */
  readonly livenessMs: number;
}

/** A holder that may be dead: the record a refusal showed, if it can outlive its process. */
export interface Suspect {
  readonly key: string;
  readonly ownerHash: string;
  readonly processHash: string;
}

/** All claims of a request share one `processHash`; all are granted, or none. */
export interface AcquireRequest extends LeaseTimes {
  readonly claims: readonly Claim[];
  /** Holders to take over from, if their process is gone. */
  readonly suspects: readonly Suspect[];
}

/** Somebody else holds a key. */
export interface Refusal {
  readonly status: "held";
  readonly key: string;
  /** Null when what is stored is not a lock record. */
  readonly lockData: LockData | null;
  /** Null when the lock has no expiry, or the backend does not know. */
  readonly remainingMs: number | null;
}

export interface Grant {
  readonly status: "granted";
  /** Undefined where the backend keeps no counter. */
  readonly fence: number | undefined;
  /** The key taken over from a dead holder, if one was. */
  readonly takenOver: string | undefined;
}

export type AcquireOutcome =
  | Grant
  | Refusal
  /** This owner hash was refused, or its lock has ended: it can never acquire again. */
  | { readonly status: "gone" }
  /** This owner hash holds the lock, but its liveness ended: it can never acquire again. */
  | { readonly status: "lost" };

/** One claim to keep. `fence` is in its lockData. 0 ms leaves that expiry as it is. */
export interface RenewRequest extends Claim, LeaseTimes {}

export type RenewOutcome = "renewed" | "lost";

/** The claims of one acquisition to release. */
export interface ReleaseRequest {
  readonly claims: readonly Claim[];
  /** Undefined: whatever the fence, because the answer that would have told it was lost. */
  readonly fence: number | undefined;
}

export type ReleaseOutcome =
  | { readonly status: "released"; readonly lockData: null }
  | NotReleased<"missing", null>
  | NotReleased<"held", LockData | null>;

interface NotReleased<Status extends "missing" | "held", Holder> {
  readonly status: Status;
  /** The record of who holds it now. */
  readonly lockData: Holder;
  /** It was certainly taken over or forced; otherwise an earlier send of the release may have ended it. */
  readonly isTaken?: true;
}

/** What is seen at a key. */
export interface Inspection {
  /** Null when what is stored is not a lock record: held by someone unreadable. */
  readonly lockData: LockData | null;
  readonly remainingMs: number | null;
  /** False when a new acquisition would take over from this holder. */
  readonly alive: boolean;
}

/** @throws LockConfigurationError unless it has the operations, whichever class it is of */
export function checkOperations(database: unknown): void {
  const isObject = typeof database === "object" && database !== null;
  if (isObject && "acquire" in database && typeof database.acquire === "function") return;
  throw new LockConfigurationError(
    "database",
    `must be a Database, such as upstash(env) or new RedisDatabase(…), but is ${show(database)}`,
  );
}
