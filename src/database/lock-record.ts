import { LockConfigurationError } from "../errors.ts";
import type { Instant } from "../runtime.ts";

/** What is stored for each lock, as in distributed-locker. Times are ISO strings, for humans to read. */
export interface LockData {
  /** Names the holder, in the whole world: `key@processHash.seq#trace`. */
  readonly ownerHash: string;
  /** Whose liveness keeps the lock: the holder is dead once this process's record has expired. */
  readonly processHash: string;
  /** Free text of the holder, for humans to read. */
  readonly trace?: string;
  readonly acquiredAt: string;
  readonly extendedAt: string;
  /** Fencing token: rises with every acquisition. */
  readonly fence?: number;
  /** How long the holder's liveness lasts without renewal, in ms. */
  readonly livenessMs?: number;
  /** What distinguishes the input of a job from another. */
  readonly fingerprint?: string;
}

/** What is stored for each live process (here: for each acquisition). */
export interface ProcessData {
  readonly aliveAt: string;
}

/** The largest first fence: room for 2⁵² acquisitions before doubles round. */
const MAX_FIRST_FENCE = 2 ** 52;

/**
 * Names one holder of one key, in the format of distributed-locker: `key@process.seq#trace`. Both find
 * the process after the last `@`, so the trace has none here; the record keeps it as it is.
 */
export function formatOwnerHash(key: string, processHash: string, trace?: string): string {
  return `${key}@${processHash}.0${trace === undefined ? "" : `#${trace.replaceAll("@", "%40")}`}`;
}

/**
 * The process of the claims of one acquisition: all have the same.
 *
 * @throws LockConfigurationError when there is no claim
 */
export function processHashOf([claim]: readonly { readonly lockData: LockData }[]): string {
  if (claim === undefined) throw new LockConfigurationError("claims", "the list is empty");
  return claim.lockData.processHash;
}

/** A record of a lock acquired now. */
export function createLockData(
  owner: {
    readonly ownerHash: string;
    readonly processHash: string;
    readonly trace: string | undefined;
  },
  now: Instant,
): LockData {
  const at = new Date(now.wall).toISOString();
  return {
    ownerHash: owner.ownerHash,
    processHash: owner.processHash,
    ...(owner.trace ? { trace: owner.trace } : {}),
    acquiredAt: at,
    extendedAt: at,
  };
}

/** A record of a process that is alive now. */
export function createProcessData(now: Instant): ProcessData {
  return { aliveAt: new Date(now.wall).toISOString() };
}

/** Where to start counting when the fence counter is gone (R6), by the clock of this client. */
export function firstFence(now: Instant): number {
  return Math.round(Math.min(now.wall * 1000, MAX_FIRST_FENCE));
}

/**
 * The highest fence that a client has seen, after one more answer to an acquire. Beyond what a clock can
 * have begun, it is not ours: a foreign record must not use up the counter.
 */
export function highestFence(
  seen: number,
  answer: {
    readonly status: string;
    readonly fence?: number | undefined;
    readonly lockData?: LockData | null;
    readonly record?: { readonly fence?: number };
  },
): number {
  const fence = answer.fence ?? answer.lockData?.fence ?? answer.record?.fence ?? 0;
  return fence > MAX_FIRST_FENCE ? seen : Math.max(seen, fence);
}

/** Whether a lock with this record can still stand when its holder is dead, so that it is worth checking. */
export function canOutliveHolder(lockData: LockData, remainingMs: number | null): boolean {
  return (
    lockData.livenessMs === undefined || remainingMs === null || remainingMs > lockData.livenessMs
  );
}

/*
 * Below: decoders of what is stored, or of what a client that guesses at JSON made of it. Anything else
 * is undefined or null: what others write at our keys is not to be trusted (R7).
 */

export function decodeInteger(value: unknown): number | undefined {
  const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

/** A lock record; null when it is not one. Fields of another type than ours are dropped. */
export function decodeLockData(value: unknown): LockData | null {
  const record = decodeObject(value);
  if (record === null) return null;
  const { ownerHash, processHash, trace, acquiredAt, extendedAt, fingerprint } = record;
  if (!isText(ownerHash) || !isText(processHash)) return null;
  const fence = typeof record["fence"] === "number" ? decodeInteger(record["fence"]) : undefined;
  const livenessMs = decodeInteger(record["livenessMs"]);
  return {
    ownerHash,
    processHash,
    ...(typeof trace === "string" ? { trace } : {}),
    acquiredAt: textOf(acquiredAt),
    extendedAt: textOf(extendedAt),
    ...(fence === undefined ? {} : { fence }),
    ...(livenessMs === undefined ? {} : { livenessMs }),
    ...(typeof fingerprint === "string" ? { fingerprint } : {}),
  };
}

export function decodeProcessData(value: unknown): ProcessData | null {
  const aliveAt = decodeObject(value)?.["aliveAt"];
  return typeof aliveAt === "string" ? { aliveAt } : null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Bytes that are not valid UTF-8 do not survive the round trip: a string with them names nothing. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\uFFFD");
}

export function decodeObject(value: unknown): Record<string, unknown> | null {
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
