import { LockStatus } from "../../database/lock-status.ts";
import type { Command, Names, Reply } from "../command.ts";
import { lua } from "./records.ts";

/**
 * Deletes the lock of one owner, whoever asks; or what was seen there and is no lock record.
 *
 * KEYS: lock, then gone of the owner, if one is named.
 * ARGV: graceMs, owner hash ("" for none), digest of what was seen.
 * Returns { status }.
 */
const FORCE_DELETE = /* @__PURE__ */ lua(`-- leasehold:force-delete
RECORDS
local lockKey, goneKey = KEYS[1], KEYS[2]
local graceMs, ownerHash, digest = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local raw, record = read(redis.pcall("GET", lockKey))
-- The same command sent twice.
if goneKey and redis.pcall("GET", goneKey) == "forced" then return { "SUCCESS" } end
local isIt = record and record.ownerHash == ownerHash
if not goneKey then isIt = raw ~= "" and "sha1:" .. redis.sha1hex(raw) == digest end
if not isIt then return { "NO_KEY" } end
redis.call("DEL", lockKey)
if goneKey then redis.pcall("SET", goneKey, "forced", "PX", graceMs) end
return { "SUCCESS" }
`);

/** Who or what is to be deleted: a lock by its owner, or garbage by its digest. */
export type ForceTarget = { readonly ownerHash: string } | { readonly digest: string };

export function forceDeleteCommand(
  names: Names,
  key: string,
  target: ForceTarget,
  graceMs: number,
): Command<boolean> {
  const lock = names.lock + key;
  const isOwned = "ownerHash" in target;
  return {
    operation: "force-delete",
    script: FORCE_DELETE,
    keys: isOwned ? [lock, names.tombstone + target.ownerHash] : [lock],
    args: isOwned ? [String(graceMs), target.ownerHash, ""] : [String(graceMs), "", target.digest],
    decode: decodeForceDelete,
  };
}

function decodeForceDelete({ status }: Reply): boolean | undefined {
  if (status === LockStatus.SUCCESS) return true;
  return status === LockStatus.NO_KEY ? false : undefined;
}
