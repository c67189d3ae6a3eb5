import type { Refusal } from "../database/operations.ts";
import { LockAcquisitionError, isLockError } from "../errors.ts";
import type { JobTerms } from "./terms.ts";

/** Another holds the lock, and the call has waited as long as it may. */
export interface Busy extends Refusal {
  /** `held`: it was not to wait at all. */
  readonly reason: "held" | "timeout";
  readonly waitedMs: number;
}

/** The error of a call that treats a refusal as one. */
export function refused({
  key,
  lockData,
  remainingMs,
  reason,
  waitedMs,
}: Busy): LockAcquisitionError {
  const left = remainingMs === null ? "without expiry" : `for another ${remainingMs} ms`;
  const message =
    reason === "held"
      ? `Lock "${key}" is held by another ${left}.`
      : `Lock "${key}" was still held by another (${left}) after ${Math.round(waitedMs)} ms of waiting. Raise waitTimeout or retry.maxRetries to wait longer.`;
  const holder = lockData?.ownerHash ?? null;
  return new LockAcquisitionError(reason, key, message, { holder, remainingMs });
}

/** The error of an acquisition that ends without a conclusive answer. */
export function acquisitionFailed(key: string, why: string, cause?: unknown): LockAcquisitionError {
  const reason = isLockError(cause, "LOCK_DATABASE") ? cause.message : why;
  const message = `Lock "${key}" could not be acquired: ${reason}.`;
  return new LockAcquisitionError("error", key, message, { cause });
}

/** Whether a job that runs, or has completed, has other input than this. */
export function isOtherInput(
  job: JobTerms | undefined,
  other: { readonly fingerprint?: string } | null,
): boolean {
  const fingerprint = job?.fingerprint;
  return (
    fingerprint !== undefined &&
    other?.fingerprint !== undefined &&
    other.fingerprint !== fingerprint
  );
}
