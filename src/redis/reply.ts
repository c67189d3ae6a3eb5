import { decodeInteger, decodeLockData } from "../database/lock-record.ts";
import { LockStatus } from "../database/lock-status.ts";
import type { UpdateOutcome } from "../database/primitives.ts";
import type { Reply } from "./command.ts";

/*
 * What the replies of several scripts have in common. A client may hand over a reply as Redis sent it,
 * or guess at JSON in its strings ("12" → 12, a record → an object); both are accepted, and anything
 * else makes a decoder return undefined.
 */

/** Undefined for what none of our scripts returns. A text costs Redis less to build than a list. */
export function decodeReply(value: unknown): Reply | undefined {
  const isText = typeof value === "string" && /^(?:GRANTED \d+|RELEASED)$/.test(value);
  const parts: unknown = isText ? value.split(" ") : value;
  const [status, ...rest]: readonly unknown[] = Array.isArray(parts) ? parts : [];
  return typeof status === "string" ? { status, rest } : undefined;
}

/** Remaining time from PTTL: null for a key without expiry. */
export function decodeRemaining(value: unknown): number | null | undefined {
  const ms = decodeInteger(value);
  return ms !== undefined && ms < 0 ? null : ms;
}

/** `{ status, record }` of a script that writes a record. */
export function decodeWrite({ status, rest }: Reply): UpdateOutcome | undefined {
  if (status === LockStatus.NO_KEY) return { status, lockData: null };
  const lockData = decodeLockData(rest[0]);
  if (status === LockStatus.SOMEONE_ELSE_HOLDS_LOCK) return { status, lockData };
  return status === LockStatus.SUCCESS && lockData !== null ? { status, lockData } : undefined;
}
