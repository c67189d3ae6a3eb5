/** The scripts that distributed-locker sends to Redis, as its documentation describes them. */

/** KEYS: lock. ARGV: record, ttlMs. Returns { status, record }. The empty string counts as absent. */
export const CREATE = `
local found = redis.call("GET", KEYS[1]) or ""
if found ~= "" then return { "SOMEONE_ELSE_HOLDS_LOCK", found } end
redis.call("SET", KEYS[1], ARGV[1], "PX", tonumber(ARGV[2]))
return { "SUCCESS", ARGV[1] }
`;

/** Common start of the following two. KEYS: lock. ARGV: owner hash. */
const OWNED_ONLY = `
local found = redis.call("GET", KEYS[1]) or ""
if found == "" then return { "NO_KEY", "" } end
if cjson.decode(found).ownerHash ~= ARGV[1] then return { "SOMEONE_ELSE_HOLDS_LOCK", found } end
`;

/** ARGV: owner hash, record, ttlMs. */
export const UPDATE_IF_OWNER = `${OWNED_ONLY}
redis.call("SET", KEYS[1], ARGV[2], "PX", tonumber(ARGV[3]))
return { "SUCCESS", ARGV[2] }
`;

export const DELETE_IF_OWNER = `${OWNED_ONLY}
redis.call("DEL", KEYS[1])
return { "SUCCESS", "" }
`;
