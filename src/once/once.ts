import { checkType, show } from "../check.ts";
import {
  jobOperations,
  onlyOutcome,
  type CompleteRequest,
  type HandedOff,
  type Kept,
} from "../database/operations.ts";
import type { ResultRecord } from "../database/result-record.ts";
import {
  DatabaseError,
  LockConfigurationError,
  LockFingerprintError,
  LockNotOwnedError,
} from "../errors.ts";
import type { Codec } from "./codec.ts";
import { JOB_LOCK_PREFIX } from "../key.ts";
import { Acquire } from "../lease/acquire.ts";
import { readHandOff } from "../lease/hand-off.ts";
import type { Lease } from "../lease/lease.ts";
import { acquisitionFailed, isOtherInput, refused } from "../lease/refusal.ts";
import { isOwnRelease } from "../lease/release.ts";
import type { Session } from "../lease/session.ts";
import type { ServiceSettings } from "../lock-options.ts";
import { Lock, conclude, releaseOnError } from "../lock.ts";
import { resolveOnce, type OnceOptions, type OncePlan } from "./options.ts";

/** This call ran the job. */
export interface Ran<T> {
  readonly status: "ran";
  readonly result: T;
  /**
   * What is remembered of it: the `result`; a `marker` that it completed, where the result was too large,
   * could not be encoded or had no room; `no`, as there was no room even for that; or `unknown`, as no
   * answer confirmed it in time.
   */
  readonly remembered: Kept;
}

/** The job completed before, and was not run. */
export type Recalled<T> =
  | {
      readonly status: "remembered";
      readonly hasResult: true;
      readonly result: T;
      readonly completedAt: Date;
    }
  | {
      readonly status: "remembered";
      /** Its result was not kept. */
      readonly hasResult: false;
      readonly result: undefined;
      readonly completedAt: Date;
    };

/** Another runs the job at this moment. */
export interface Running {
  readonly status: "running";
  /** Ms until its lock ends unless it is renewed; null when this is unknown. */
  readonly remainingMs: number | null;
}

export type OnceOutcome<T> = Ran<T> | Recalled<T> | Running;

/** What a job does under its lock. */
export type JobWork<T> = (lock: Lock) => T | Promise<T>;

/** One call of `once`: a job, and where its lock is kept. */
export interface Job<T> {
  readonly key: string;
  readonly work: JobWork<T>;
  readonly plan: OncePlan;
  readonly session: Session;
  readonly maxTtl: number;
}

/** Runs a job as `LockService.once` is asked to; without a session, in one of its own. */
export async function onceUnder<T>(
  settings: ServiceSettings,
  session: Session | undefined,
  asked: Pick<Job<T>, "key" | "work"> & { readonly options: OnceOptions<T> },
): Promise<OnceOutcome<T>> {
  const { options, ...job } = asked;
  const plan = resolveOnce(options, settings);
  const { maxTtl } = settings;
  return runOnce({ ...job, plan, session: session ?? settings.openSession(), maxTtl });
}

/**
 * Runs a job unless it has completed before, or another runs it.
 *
 * @throws LockAcquisitionError, LockFingerprintError, LockLostError with `result`, DatabaseError when what is
 *   remembered cannot be decoded, and what the work throws
 */
export async function runOnce<T>(job: Job<T>): Promise<OnceOutcome<T>> {
  const { key, work, plan, session } = job;
  checkType("work", work, "function");
  const { fingerprint, ifRunning } = plan;
  const resultKey = session.context.keyPrefix + key;
  const handedOff = handedOffTo(job);
  const terms = { ...plan.terms, job: { resultKey, fingerprint }, handedOff };
  const outcome = await new Acquire(session, [JOB_LOCK_PREFIX + key], terms).admit();
  switch (outcome.status) {
    case "acquired":
      return run(job, outcome.lease, resultKey);
    case "remembered":
      if (isOtherInput(terms.job, outcome.record)) throw new LockFingerprintError(key);
      return recalled(key, outcome.record, plan.codec as Codec<T>);
    case "held":
      if (isOtherInput(terms.job, outcome.lockData)) throw new LockFingerprintError(key);
      if (ifRunning !== "skip") throw refused(outcome);
      return { status: "running", remainingMs: outcome.remainingMs };
  }
}

/** The holder of the job's lock, if the call attaches it. */
function handedOffTo<T>({ key, plan, session }: Job<T>): readonly HandedOff[] | undefined {
  const { attach } = plan;
  if (attach === undefined) return undefined;
  const { keys, handedOff } = readHandOff("attach", attach, session.context);
  if (keys.length === 1 && keys[0] === JOB_LOCK_PREFIX + key) return handedOff;
  const message = `is of another lock than that of the job ${show(key)}`;
  throw new LockConfigurationError("attach", message);
}

async function run<T>(job: Job<T>, lease: Lease, resultKey: string): Promise<OnceOutcome<T>> {
  const { work, plan, maxTtl } = job;
  const { context, identity } = lease;
  const lock = new Lock(lease, maxTtl);
  const raw: T = await releaseOnError(lock, () => work(lock));
  if (lock.isDetached) return runningElsewhere(job, lease);
  const encoded = encode(raw, plan);
  if (encoded.error !== undefined) {
    context.emit({ type: "resultNotKept", ...identity, error: encoded.error });
  }
  const { result } = encoded;
  const request = completion(lease, plan, resultKey, encoded.text);
  const remembered = await conclude(lock, result, () => complete(lease, request));
  return { status: "ran", result, remembered: remembered ?? "unknown" };
}

/** The work has detached its lock: to this call, another runs the job. */
function runningElsewhere<T>(job: Job<T>, lease: Lease): OnceOutcome<T> | Promise<OnceOutcome<T>> {
  const now = lease.context.runtime.now();
  const remainingMs = Math.max(0, Math.ceil(lease.expiresAt(now).getTime() - now.wall));
  if (job.plan.ifRunning === "skip") return { status: "running", remainingMs };
  // Who joins must not detach once more.
  const work = (): never => {
    throw acquisitionFailed(job.key, "the run that was detached has ended without a result");
  };
  return runOnce({ ...job, work, plan: { ...job.plan, attach: undefined } });
}

/** Stores the result and releases the lock, in one step. */
async function complete(lease: Lease, request: CompleteRequest): Promise<Kept> {
  const jobs = jobOperations(lease.context.database);
  if (lease.isReleaseUnderWay || lease.ended.aborted) {
    throw new LockNotOwnedError(lease.key, lease.token);
  }
  const verdict = await lease.releaseBy(async () => onlyOutcome(await jobs.complete([request])));
  if (!isOwnRelease(verdict)) throw new LockNotOwnedError(lease.key, lease.token);
  return ("kept" in verdict ? verdict.kept : undefined) ?? "unknown";
}

function completion(
  lease: Lease,
  { fingerprint, rememberMs }: OncePlan,
  resultKey: string,
  text: string | undefined,
): CompleteRequest {
  const { claims, fence } = lease.grant;
  const now = lease.context.runtime.now();
  const record: ResultRecord = {
    ownerHash: lease.token,
    ...(fence === undefined ? {} : { fence }),
    completedAt: new Date(now.wall).toISOString(),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(text === undefined ? {} : { result: text }),
  };
  return { claims: [claims[0]], fence, resultKey, record, rememberMs };
}

/** A result as every caller gets it, and as it is stored; undefined, and why, when it cannot be kept. */
interface Encoded<T> {
  readonly result: T;
  readonly text: string | undefined;
  readonly error?: unknown;
}

function encode<T>(raw: T, { codec, maxResultBytes }: OncePlan): Encoded<T> {
  try {
    const text: unknown = codec.encode(raw);
    if (typeof text !== "string") throw tooMuch("codec", "encoded the result as no string");
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > maxResultBytes) {
      throw tooMuch("maxResultBytes", `is ${maxResultBytes}, and the result has ${bytes} bytes`);
    }
    return { result: codec.decode(text) as T, text };
  } catch (error) {
    return { result: raw, text: undefined, error };
  }
}

function tooMuch(option: string, why: string): LockConfigurationError {
  return new LockConfigurationError(option, why);
}

/** What is remembered of a job, as its callers see it. @throws DatabaseError when it cannot be decoded */
export function recalled<T>(
  key: string,
  { completedAt, result }: ResultRecord,
  codec: Codec<T>,
): Recalled<T> {
  const base = { status: "remembered", completedAt: new Date(completedAt) } as const;
  if (result === undefined) return { ...base, hasResult: false, result };
  try {
    return { ...base, hasResult: true, result: codec.decode(result) };
  } catch {
    // Without the cause, which may quote the result.
    throw new DatabaseError(
      `What is remembered of the job "${key}" cannot be decoded: use the codec that encoded it, or forget it`,
      { applied: "no", retriable: false },
    );
  }
}
