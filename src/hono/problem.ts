import type { Context } from "hono";
import type { LockAcquisitionError } from "../errors.ts";
import { PROBLEM_JSON, problemText, type BusyStatus } from "../http/problem.ts";
import { retryAfter } from "../retry.ts";

/** For a transient failure. */
const RETRY_SOON = { "retry-after": "1" };

/** Another request holds the lock. Says when to retry, and nothing about the holder. */
export function busyProblem(
  c: Context,
  status: BusyStatus,
  { remainingMs }: LockAcquisitionError,
): Response {
  const detail = "Another request is working on this. Try again later.";
  return c.body(problemText({ status, detail }), status, {
    ...PROBLEM_JSON,
    "retry-after": retryAfter(remainingMs),
  });
}

/** Whether another holds the lock is unknown. */
export function unavailableProblem(c: Context): Response {
  const detail = "This cannot be done safely at the moment. Try again later.";
  return c.body(problemText({ status: 503, detail }), 503, { ...PROBLEM_JSON, ...RETRY_SOON });
}

/** The key derived from the request is invalid: empty, too long, or not well-formed. */
export function badKeyProblem(c: Context): Response {
  const detail = "The request names something that cannot exist.";
  return c.body(problemText({ status: 400, detail }), 400, PROBLEM_JSON);
}

/** The lock was lost during the work. */
export function lostProblem(c: Context): Response {
  const detail =
    "The work was interrupted, and its outcome is uncertain. Check before trying again.";
  return c.body(problemText({ status: 500, detail }), 500, PROBLEM_JSON);
}
