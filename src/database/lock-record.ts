import type { LockData, ProcessData } from "./operations.ts";

/**
 * Reads records as they are stored, or as a client that guesses JSON hands them over. Anything else
 * is undefined or null: what others write at our keys must not be believed unseen.
 */

export function decodeInteger(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

/** A lock record; null when it is none. Fields of a type not ours are left out. */
export function decodeLockData(value: unknown): LockData | null {
  const record = decodeObject(value);
  if (record === null) return null;
  const { ownerHash, processHash, trace, acquiredAt, extendedAt } = record;
  if (!isText(ownerHash) || !isText(processHash)) return null;
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

/** Bytes that are no UTF-8 do not come back as they went: what has them names nothing. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\uFFFD");
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
