import { decodeInteger, decodeLockData, type LockData } from "../../database/lock-record.ts";
import { LockStatus } from "../../database/lock-status.ts";
import type { Command, Names, Reply } from "../command.ts";
import { decodeRemaining } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * Looks at a lock, and at the process of its holder when one is named.
 *
 * KEYS: lock, then proc of the process named, if any.
 * ARGV: 1 to ask for the digest.
 * Returns { status, record, remaining ms, 1 if that process is alive, digest of what is stored }.
 */
const INSPECT = /* @__PURE__ */ lua(`-- leasehold:inspect
RECORDS
local lockKey, procKey = KEYS[1], KEYS[2]
local raw, record = read(redis.pcall("GET", lockKey))
if raw == "" then return { "NO_KEY", "", 0, 0, "" } end
local alive = procKey and redis.call("EXISTS", procKey) or 0
local digest = ARGV[1] == "1" and "sha1:" .. redis.sha1hex(raw) or ""
return { "SUCCESS", record and raw or "", redis.call("PTTL", lockKey), alive, digest }
`);

/** What is at a lock key. */
export interface Seen {
  /** Null for what is no lock record. */
  readonly lockData: LockData | null;
  readonly remainingMs: number | null;
  /** Whether the process that was named is alive. */
  readonly alive: boolean;
  /** Names what is stored, where it was asked for. */
  readonly digest: string | undefined;
}

/** Looks for the liveness of `processHash` as well, and tells the digest if asked to. */
export function inspectCommand(
  names: Names,
  key: string,
  options: { readonly processHash?: string; readonly wantsDigest?: boolean } = {},
): Command<Seen | null> {
  const { processHash, wantsDigest = false } = options;
  const keys = [names.lock + key, ...(processHash ? [names.process + processHash] : [])];
  const args = wantsDigest ? ["1"] : [];
  return { operation: "inspect", script: INSPECT, keys, args, decode: decodeInspect };
}

function decodeInspect({ status, rest }: Reply): Seen | null | undefined {
  if (status === LockStatus.NO_KEY) return null;
  const [record, pttl, alive, digest] = rest;
  const remainingMs = decodeRemaining(pttl);
  const aliveNumber = decodeInteger(alive);
  const isReadable = remainingMs !== undefined && aliveNumber !== undefined;
  if (status !== LockStatus.SUCCESS || !isReadable) return undefined;
  return {
    lockData: decodeLockData(record),
    remainingMs,
    alive: aliveNumber === 1,
    digest: typeof digest === "string" && digest !== "" ? digest : undefined,
  };
}
