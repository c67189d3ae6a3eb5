import type { RenewalPlan } from "../auto-renew.ts";
import type { HandedOff, LeaseTimes } from "../database/operations.ts";
import type { RetryPlan } from "../retry.ts";

/** What one acquisition requests, checked and complete. */
export interface LeaseTerms extends LeaseTimes {
  readonly retry: RetryPlan;
  /** How long to wait for a held lock, in ms. Undefined: as long as the retries take. */
  readonly waitTimeout: number | undefined;
  readonly renewal: RenewalPlan;
  readonly trace: string | undefined;
  /** When the platform ends the invocation: nothing is requested beyond it. */
  readonly deadline: Date | undefined;
  /** Set for a job that is to run once. */
  readonly job?: JobTerms | undefined;
  /** The holder of each key, if it hands its lock off. */
  readonly handedOff?: readonly HandedOff[] | undefined;
  /** Any of them cancels waiting. */
  readonly signals: readonly AbortSignal[];
}

/** What the acquisition of a job's lock asks besides. */
export interface JobTerms {
  /** Names what is remembered of the job. */
  readonly resultKey: string;
  /** What distinguishes its input from another. */
  readonly fingerprint: string | undefined;
}
