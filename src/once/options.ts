import { checkInteger, checkOptions, checkOneOf, type OptionNames } from "../check.ts";
import { JSON_CODEC, checkCodec, type Codec, type Json } from "./codec.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkText } from "../key.ts";
import type { LeaseTerms } from "../lease/terms.ts";
import {
  ACQUIRE_OPTIONS,
  resolveTerms,
  withoutWaiting,
  type AcquireOptions,
  type ServiceSettings,
} from "../lock-options.ts";

/** What a call does while another runs the same job. */
export type IfRunning = "skip" | "join" | "throw";

/** Options of a job that runs once; times in ms. What is left out of a lock comes from the service. */
export interface OnceOptions<T = unknown> extends AcquireOptions {
  /**
   * How long a completed job is remembered, and not run again: up to 366 days, and at least for as long
   * as the database's `gracePeriod`. @default 86_400_000 (a day)
   */
  readonly remember?: number | undefined;
  /**
   * While another runs the job: `skip` tells so, `throw` throws a LockAcquisitionError, and `join` waits
   * for its result for up to `waitTimeout`, 30_000 ms by default. @default "skip"
   */
  readonly ifRunning?: IfRunning | undefined;
  /** Distinguishes the input of the job: the same key with another is a LockFingerprintError. */
  readonly fingerprint?: string | undefined;
  /** A larger result is not kept; the job is remembered without it. @default 262_144 */
  readonly maxResultBytes?: number | undefined;
  /**
   * What `lock.detach()` returned to the work of another call of this job, such as one that enqueued it: this
   * call goes on with its lock. If that has ended, or the job has completed, it goes on as without.
   */
  readonly attach?: string | undefined;
  /** For a result that JSON would change. The first caller, too, gets what it decodes. */
  readonly codec?: Codec<T> | undefined;
}

/** The options of a call, where a result that is not JSON needs a codec. */
export type OnceArguments<T, Options = OnceOptions<T>> = [T] extends [Json<T>]
  ? undefined extends Options
    ? [options?: Options]
    : [options: Options]
  : [options: NonNullable<Options> & { readonly codec: Codec<T> }];

/** Options with which a call never ends because another runs the job. */
export interface WaitingOnceOptions<T> extends OnceOptions<T> {
  readonly ifRunning: "join" | "throw";
}

const ONCE_OPTIONS: OptionNames<OnceOptions> = {
  ...ACQUIRE_OPTIONS,
  remember: true,
  ifRunning: true,
  fingerprint: true,
  attach: true,
  maxResultBytes: true,
  codec: true,
};

const DAY_MS = 86_400_000;
const JOIN_MS = 30_000;
const MAX_RESULT_BYTES = 262_144;

/** OnceOptions, checked and complete. */
export interface OncePlan {
  readonly terms: LeaseTerms;
  readonly ifRunning: IfRunning;
  readonly rememberMs: number;
  readonly fingerprint: string | undefined;
  readonly attach: string | undefined;
  readonly maxResultBytes: number;
  readonly codec: Codec<unknown>;
}

/** @throws LockConfigurationError naming the option and its value */
export function resolveOnce<T>(options: OnceOptions<T>, settings: ServiceSettings): OncePlan {
  checkOptions("once", options, ONCE_OPTIONS);
  const { remember = DAY_MS, ifRunning = "skip", fingerprint, codec, ...rest } = options;
  const { maxResultBytes = MAX_RESULT_BYTES, attach, ...lock } = rest;
  checkRemember(remember);
  checkInteger("maxResultBytes", maxResultBytes, 0);
  checkOneOf("ifRunning", ifRunning, ["skip", "join", "throw"]);
  if (fingerprint !== undefined) checkFingerprint(fingerprint);
  if (codec !== undefined) checkCodec(codec);
  return {
    terms: waitingTerms(ifRunning, lock, settings),
    ifRunning,
    rememberMs: remember,
    fingerprint,
    attach,
    maxResultBytes,
    codec: (codec as Codec<unknown> | undefined) ?? JSON_CODEC,
  };
}

/** @throws LockConfigurationError unless it is up to 366 days */
export function checkRemember(remember: unknown): void {
  checkInteger("remember", remember, 1, 366 * DAY_MS);
}

/** @throws LockConfigurationError */
export function checkFingerprint(fingerprint: unknown): string {
  return checkText("fingerprint", fingerprint, 1, 1_000);
}

/** Only who joins waits. */
function waitingTerms(
  ifRunning: IfRunning,
  lock: AcquireOptions,
  settings: ServiceSettings,
): LeaseTerms {
  if (ifRunning === "join") {
    const isBound = lock.waitTimeout !== undefined || lock.retry?.maxRetries !== undefined;
    return resolveTerms(isBound ? lock : { ...lock, waitTimeout: JOIN_MS }, settings);
  }
  for (const option of ["waitTimeout", "retry"] as const) {
    if (lock[option] === undefined) continue;
    throw new LockConfigurationError(
      option,
      `is for waiting, and ifRunning: "${ifRunning}" does not wait; set ifRunning: "join"`,
    );
  }
  return withoutWaiting(resolveTerms(lock, settings));
}
