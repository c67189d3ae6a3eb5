import { LockStatus } from "../../database/lock-status.ts";
import type { LockData } from "../../database/lock-record.ts";
import type { CreateOutcome } from "../../database/primitives.ts";
import type { Command, Names, Reply } from "../command.ts";
import { decodeWrite } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * Creates a record unless the key is held by another.
 *
 * KEYS: lock. ARGV: owner hash, record, ttlMs. Returns { status, record }.
 */
const TRY_CREATE = /* @__PURE__ */ lua(`-- leasehold:try-create
RECORDS
local lockKey, ownerHash, record, ttlMs = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw, stored = read(redis.pcall("GET", lockKey))
local own = stored and stored.ownerHash == ownerHash
if raw ~= "" and not own then return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" } end
redis.call("SET", lockKey, record, "PX", own and remaining(lockKey, ttlMs) or ttlMs)
return { "SUCCESS", record }
`);

export function tryCreateCommand(
  names: Names,
  key: string,
  lockData: LockData,
  ttlMs: number,
): Command<CreateOutcome> {
  const args = [lockData.ownerHash, JSON.stringify(lockData), String(ttlMs)];
  return {
    operation: "try-create",
    script: TRY_CREATE,
    keys: [names.lock + key],
    args,
    decode: decodeCreate,
  };
}

function decodeCreate(reply: Reply): CreateOutcome | undefined {
  const outcome = decodeWrite(reply);
  return outcome?.status === LockStatus.NO_KEY ? undefined : outcome;
}
