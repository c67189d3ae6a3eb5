import { RECORDS } from "./scripts.ts";

/** The scripts of the primitives of distributed-locker: one record at a time, no fence, no tombstone. */

/** KEYS: any key of ours. Returns { status, value }, "" for what is not there or no string. */
export const READ: string = `-- leasehold:read
${RECORDS}
local raw = read(KEYS[1])
return { "SUCCESS", raw == "?" and "" or raw }
`;

/**
 * Creates a record unless the key is held by another.
 *
 * KEYS: lock. ARGV: owner hash, record, ttlMs. Returns { status, record }.
 */
export const TRY_CREATE: string = `-- leasehold:try-create
${RECORDS}
local lockKey, ownerHash, record, ttlMs = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw, stored = read(lockKey)
local own = stored and stored.ownerHash == ownerHash
if raw ~= "" and not own then return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" } end
redis.call("SET", lockKey, record, "PX", own and remaining(lockKey, ttlMs) or ttlMs)
return { "SUCCESS", record }
`;

/**
 * Rewrites a record of one owner.
 *
 * KEYS: lock. ARGV: owner hash, record, ttlMs. Returns { status, record }.
 */
export const TRY_UPDATE: string = `-- leasehold:try-update
${RECORDS}
local lockKey, ownerHash, record, ttlMs = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local raw, stored = read(lockKey)
if raw == "" then return { "NO_KEY", "" } end
if not stored or stored.ownerHash ~= ownerHash then
  return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" }
end
redis.call("SET", lockKey, record, "PX", remaining(lockKey, ttlMs))
return { "SUCCESS", record }
`;

/**
 * Deletes a record of one owner.
 *
 * KEYS: lock. ARGV: owner hash. Returns { status, record }.
 */
export const TRY_DELETE: string = `-- leasehold:try-delete
${RECORDS}
local lockKey, ownerHash = KEYS[1], ARGV[1]
local raw, stored = read(lockKey)
if raw == "" then return { "NO_KEY", "" } end
if not stored or stored.ownerHash ~= ownerHash then
  return { "SOMEONE_ELSE_HOLDS_LOCK", stored and raw or "" }
end
redis.call("DEL", lockKey)
return { "SUCCESS", "" }
`;

/**
 * Reports a process alive. KEYS: proc. ARGV: process data, ttlMs. Returns { status }.
 */
export const SAVE_PROCESS: string = `-- leasehold:save-process
local procKey, processData, ttlMs = KEYS[1], ARGV[1], tonumber(ARGV[2])
redis.call("SET", procKey, processData, "PX", math.max(redis.call("PTTL", procKey), ttlMs))
return { "SUCCESS" }
`;
