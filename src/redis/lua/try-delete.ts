import { decodeLockData } from "../../database/lock-record.ts";
import { LockStatus } from "../../database/lock-status.ts";
import type { DeleteOutcome } from "../../database/primitives.ts";
import type { Command, Names, Reply } from "../command.ts";
import { lua } from "./records.ts";

/**
 * Deletes a record of one owner.
 *
 * KEYS: lock. ARGV: owner hash. Returns { status, record }.
 */
const TRY_DELETE = /* @__PURE__ */ lua(`-- leasehold:try-delete
RECORDS
local lockKey, ownerHash = KEYS[1], ARGV[1]
local raw, stored = read(redis.pcall("GET", lockKey))
if raw == "" then return { "NO_KEY", "" } end
if not stored or stored.ownerHash ~= ownerHash then
  return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" }
end
redis.call("DEL", lockKey)
return { "SUCCESS", "" }
`);

export function tryDeleteCommand(
  names: Names,
  key: string,
  ownerHash: string,
): Command<DeleteOutcome> {
  const keys = [names.lock + key];
  const args = [ownerHash];
  return { operation: "try-delete", script: TRY_DELETE, keys, args, decode: decodeDelete };
}

function decodeDelete({ status, rest }: Reply): DeleteOutcome | undefined {
  switch (status) {
    case LockStatus.SUCCESS:
    case LockStatus.NO_KEY:
      return { status, lockData: null };
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status, lockData: decodeLockData(rest[0]) };
    default:
      return undefined;
  }
}
