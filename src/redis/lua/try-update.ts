import type { LockData } from "../../database/lock-record.ts";
import type { UpdateOutcome } from "../../database/primitives.ts";
import type { Command, Names } from "../command.ts";
import { decodeWrite } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * Rewrites a record of one owner.
 *
 * KEYS: lock. ARGV: owner hash, record, ttlMs. Returns { status, record }.
 */
const TRY_UPDATE = /* @__PURE__ */ lua(`-- leasehold:try-update
RECORDS
local lockKey, ownerHash, record, ttlMs = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw, stored = read(redis.pcall("GET", lockKey))
if raw == "" then return { "NO_KEY", "" } end
if not stored or stored.ownerHash ~= ownerHash then
  return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" }
end
redis.call("SET", lockKey, record, "PX", remaining(lockKey, ttlMs))
return { "SUCCESS", record }
`);

export function tryUpdateCommand(
  names: Names,
  key: string,
  update: { readonly lockData: LockData; readonly ttlMs: number; readonly ownerHash: string },
): Command<UpdateOutcome> {
  const { lockData, ttlMs, ownerHash } = update;
  const args = [ownerHash, JSON.stringify(lockData), String(ttlMs)];
  return {
    operation: "try-update",
    script: TRY_UPDATE,
    keys: [names.lock + key],
    args,
    decode: decodeWrite,
  };
}
