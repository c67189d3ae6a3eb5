import { show } from "../check.ts";
import { DatabaseError, LockConfigurationError } from "../errors.ts";
import type { ListOperation } from "./listing.ts";
import type { LockData } from "./lock-record.ts";
import type { ResultRecord } from "./result-record.ts";

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
  /** It remembers results: the {@link JobOperations} are there. Needs fences and tombstones. */
  readonly results: boolean;
  /** A lock can pass from one owner to the next: `acquire` heeds `handedOff`. Needs fences and tombstones. */
  readonly handOff: boolean;
}

/**
 * What the engine asks of a backend: five operations, each atomic and each safe to send twice. A
 * method rejects when it has no conclusive answer, best with a `DatabaseError`, and no later than
 * after `requestTimeout` (R8, R9).
 */
export interface LockOperations extends Partial<JobOperations & ListOperation> {
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

/**
 * What `once` asks of a backend with `capabilities.results`: the lock of a job and its result change in
 * one atomic step. Each takes several jobs, and answers for each by itself; each is safe to send twice.
 */
export interface JobOperations {
  /** Acquires the lock of each job, unless a completion of it is remembered. */
  admit(requests: readonly AdmitRequest[]): Promise<readonly JobOutcome<AdmitOutcome>[]>;
  /** Of each job that still holds its lock: stores the result, and releases the lock. */
  complete(requests: readonly CompleteRequest[]): Promise<readonly JobOutcome<ReleaseOutcome>[]>;
  /** What is remembered of a job; null when nothing is. */
  recall(key: string): Promise<ResultRecord | null>;
  /** Forgets the completion by this owner hash; false when it is not (or no longer) remembered. */
  forget(key: string, ownerHash: string): Promise<boolean>;
}

/** What a batch says of one job: an error concerns that job alone. */
export type JobOutcome<Outcome> = Outcome | { readonly status: "failed"; readonly error: unknown };

/**
 * What a batch of one job was answered.
 *
 * @throws DatabaseError when there is no answer, and whatever error concerns the job
 */
export function onlyOutcome<Outcome extends { readonly status: string }>([
  outcome,
]: readonly JobOutcome<Outcome>[]): Outcome {
  if (outcome === undefined) {
    const message = "The database gave no conclusive answer about a job";
    throw new DatabaseError(message, { applied: "unknown", retriable: true });
  }
  if (isFailed(outcome)) throw outcome.error;
  return outcome;
}

/** Whether a batch has failed for a job. */
export function isFailed<Outcome extends { readonly status: string }>(
  outcome: JobOutcome<Outcome>,
): outcome is { readonly status: "failed"; readonly error: unknown } {
  return outcome.status === "failed";
}

/** The lock of one job, to be acquired. */
export interface AdmitRequest extends AcquireRequest {
  readonly claims: readonly [Claim];
  /** Names what is remembered of the job. */
  readonly resultKey: string;
}

export type AdmitOutcome = AcquireOutcome | Remembered;

/** The job completed before. */
export interface Remembered {
  readonly status: "remembered";
  readonly record: ResultRecord;
}

/** The lock of one job, to be released as it completes. `fence` is that of its grant. */
export interface CompleteRequest extends ReleaseRequest {
  readonly claims: readonly [Claim];
  readonly resultKey: string;
  readonly record: ResultRecord;
  /** How long it is remembered, in ms; at least for as long as the backend keeps tombstones. */
  readonly rememberMs: number;
}

/**
 * What is remembered of a completed job: its result; a marker that it completed, as the result was too
 * large or there was no room; nothing, as there was no room even for that; or this is not known.
 */
export type Kept = "result" | "marker" | "no" | "unknown";

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

/** A holder that hands its lock off. */
export interface HandedOff extends Suspect {
  readonly fence: number;
}

/** All claims of a request share one `processHash`; all are granted, or none. */
export interface AcquireRequest extends LeaseTimes {
  readonly claims: readonly Claim[];
  /** Holders to take over from, if their process is gone. */
  readonly suspects: readonly Suspect[];
  /** Instead, the holder of each claim, to take over from while it is alive: nothing free is taken. */
  readonly handedOff?: readonly HandedOff[] | undefined;
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
  /** This owner hash was refused, or its lock or the one handed off has ended: it can never acquire. */
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
  | {
      readonly status: "released";
      readonly lockData: null;
      /** What is remembered of the job, if this was its completion. */
      readonly kept?: Kept;
    }
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

/** @throws LockConfigurationError unless the backend can remember results */
export function jobOperations<Operations extends LockOperations>(
  database: Operations,
): Operations & JobOperations {
  const { capabilities, admit, complete, recall, forget } = database;
  if (!capabilities.results || !admit || !complete || !recall || !forget) {
    throw new LockConfigurationError(
      "database",
      `${database.constructor.name} cannot remember results (capabilities.results): jobs that run once need RedisDatabase, upstash() or another backend that stores a result and releases its lock in one step`,
    );
  }
  return database as Operations & JobOperations;
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
