import { decodeInteger } from "../database/lock-record.ts";

/**
 * The one place that reads what comes back. A client may hand over a reply as Redis sent it, or
 * guess JSON in its strings ("12" → 12, a record → an object); both are accepted, and anything else
 * makes a function return undefined.
 */

/** A reply of one of our scripts: `{ status, … }`. */
export interface Reply {
  readonly status: string;
  readonly rest: readonly unknown[];
}

/** The elements of a reply `{ status, … }` of one of our scripts. */
export function decodeReply(reply: unknown): Reply | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [status, ...rest] = reply as readonly unknown[];
  return typeof status === "string" ? { status, rest } : undefined;
}

/** Remaining time from PTTL: null for a key without expiry. */
export function decodeRemaining(value: unknown): number | null | undefined {
  const ms = decodeInteger(value);
  return ms !== undefined && ms < 0 ? null : ms;
}
