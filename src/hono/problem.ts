import type { Context } from "hono";
import type { LockAcquisitionError } from "../errors.ts";
import { retryAfter } from "../retry.ts";

/** For a transient failure. */
const RETRY_SOON = { "retry-after": "1" };

const TITLES = {
  400: "Bad Request",
  409: "Conflict",
  423: "Locked",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
} as const;

/** Statuses that tell a client to come back: RFC 9110, RFC 4918 and RFC 6585. */
export type BusyStatus = 409 | 423 | 429;

export const BUSY_STATUSES: readonly number[] = [409, 423, 429] satisfies readonly BusyStatus[];

/** Another request holds the lock. Says when to retry, and nothing about the holder. */
export function busyProblem(
  c: Context,
  status: BusyStatus,
  { remainingMs }: LockAcquisitionError,
): Response {
  const detail = "Another request is working on this. Try again later.";
  return c.body(problem(status, detail), status, {
    ...PROBLEM_JSON,
    "retry-after": retryAfter(remainingMs),
  });
}

/** Whether another holds the lock is unknown. */
export function unavailableProblem(c: Context): Response {
  const detail = "This cannot be done safely at the moment. Try again later.";
  return c.body(problem(503, detail), 503, { ...PROBLEM_JSON, ...RETRY_SOON });
}

/** The key derived from the request is invalid: empty, too long, or not well-formed. */
export function badKeyProblem(c: Context): Response {
  const detail = "The request names something that cannot exist.";
  return c.body(problem(400, detail), 400, PROBLEM_JSON);
}

/** The lock was lost during the work. */
export function lostProblem(c: Context): Response {
  const detail =
    "The work was interrupted, and its outcome is uncertain. Check before trying again.";
  return c.body(problem(500, detail), 500, PROBLEM_JSON);
}

const PROBLEM_JSON = { "content-type": "application/problem+json" };

/** RFC 9457. */
function problem(status: keyof typeof TITLES, detail: string): string {
  return JSON.stringify({ type: "about:blank", title: TITLES[status], status, detail });
}
