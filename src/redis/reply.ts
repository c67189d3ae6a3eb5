import type { LockData, ProcessData } from "../lock-data.ts";

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

export function decodeInteger(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

/** Remaining time from PTTL: null for a key without expiry. */
export function decodeRemaining(value: unknown): number | null | undefined {
  const ms = decodeInteger(value);
  return ms !== undefined && ms < 0 ? null : ms;
}

/** A lock record; null when it is none. Fields of a type not ours are left out. */
export function decodeLockData(value: unknown): LockData | null {
  const record = decodeObject(value);
  if (record === null) return null;
  const { ownerHash, processHash, trace, acquiredAt, extendedAt } = record;
  if (typeof ownerHash !== "string" || typeof processHash !== "string") return null;
  const fence = decodeInteger(record["fence"]);
  const livenessMs = decodeInteger(record["livenessMs"]);
  return {
    ownerHash,
    processHash,
    ...(typeof trace === "string" ? { trace } : {}),
    acquiredAt: typeof acquiredAt === "string" ? acquiredAt : "",
    extendedAt: typeof extendedAt === "string" ? extendedAt : "",
    ...(fence === undefined ? {} : { fence }),
    ...(livenessMs === undefined ? {} : { livenessMs }),
  };
}

export function decodeProcessData(value: unknown): ProcessData | null {
  const aliveAt = decodeObject(value)?.["aliveAt"];
  return typeof aliveAt === "string" ? { aliveAt } : null;
}

function decodeObject(value: unknown): Record<string, unknown> | null {
  const parsed = typeof value === "string" ? parseJson(value) : value;
  return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
    ? (parsed as Record<string, unknown>)
    : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
