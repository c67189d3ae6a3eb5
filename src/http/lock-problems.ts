import type { LockAcquisitionError } from "../errors.ts";
import { retryAfter } from "../retry.ts";
import type { BusyStatus, Problem } from "./problem.ts";

/** Another request holds the lock. Says when to retry, and nothing about the holder. */
export function busy(status: BusyStatus, { remainingMs }: LockAcquisitionError): Problem {
  const detail = "Another request is working on this. Try again later.";
  return { status, detail, retryAfter: retryAfter(remainingMs) };
}

/** Whether another holds the lock is unknown. */
export const UNAVAILABLE: Problem = {
  status: 503,
  detail: "This cannot be done safely at the moment. Try again later.",
  // A failure that may pass.
  retryAfter: "1",
};

/** The key derived from the request is invalid: empty, too long, or not well-formed. */
export const BAD_KEY: Problem = {
  status: 400,
  detail: "The request names something that cannot exist.",
};

/** The lock was lost during the work. */
export const LOST: Problem = {
  status: 500,
  detail: "The work was interrupted, and its outcome is uncertain. Check before trying again.",
};
