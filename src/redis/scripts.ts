/**
 * The scripts that do the atomic work. Each is one plain EVAL; every key it touches is in KEYS; no
 * TIME, no randomness, milliseconds only. Reads come before INCR and INCR before other writes,
 * because Redis does not roll a script back. A record is never re-encoded here: cjson rounds.
 */

/** Helpers that stand at the head of the scripts that read records. */
export const RECORDS: string = `
-- Returns what is stored ("" when nothing) and, if it is a lock record, that record. Anything else
-- at our key is held by someone unreadable: never free, never an error.
local function read(key)
  local raw = redis.pcall("GET", key)
  if type(raw) == "table" then
    if string.find(raw.err, "WRONGTYPE", 1, true) then return "?", nil end
    error(raw.err)
  end
  if not raw or raw == "" then return "", nil end
  local ok, record = pcall(cjson.decode, raw)
  if ok and type(record) == "table" and type(record.ownerHash) == "string"
    and type(record.processHash) == "string" then
    return raw, record
  end
  return raw, nil
end

local function fenceOf(record)
  return type(record.fence) == "number" and string.format("%.0f", record.fence) or ""
end

local function remaining(key, ms)
  return math.max(redis.call("PTTL", key), ms)
end

-- Never shortens, and leaves a key without expiry alone.
local function lengthen(key, ms)
  local left = redis.call("PTTL", key)
  if left >= 0 and left < ms then redis.call("PEXPIRE", key, ms) end
end
`;

/**
 * Takes all claims or none. Refused or granted, it is remembered: the same request delivered again,
 * when the keys are free and its caller has gone, must not take them for nobody.
 *
 * KEYS: fence, proc, then lock and gone of each claim, then proc and gone of each suspect.
 * ARGV: claims, ttlMs, livenessMs, graceMs, first fence, process data, then owner hash and record
 * (open at its end, for the fence) of each claim, then claim number, owner hash and process hash of
 * each suspect.
 * Returns { status, fence, claim number, record, remaining ms }.
 */
export const ACQUIRE: string = `-- leasehold:acquire
${RECORDS}
local fenceKey, procKey = KEYS[1], KEYS[2]
local claims, ttlMs, livenessMs = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local graceMs, firstFence, processData = tonumber(ARGV[4]), ARGV[5], ARGV[6]

local suspects = {}
for s = 1, (#KEYS - 2 - 2 * claims) / 2 do
  local k, a = 2 + 2 * claims + 2 * s - 1, 6 + 2 * claims + 3 * s - 2
  suspects[tonumber(ARGV[a])] = {
    proc = KEYS[k], gone = KEYS[k + 1], ownerHash = ARGV[a + 1], processHash = ARGV[a + 2]
  }
end

-- By pcall: a full database has no room for it, and must answer all the same.
local function remember(reason)
  for i = 1, claims do redis.pcall("SET", KEYS[2 + 2 * i], reason, "PX", graceMs) end
end

local own, taken, was, ownFence, isGone, refusal = {}, {}, {}, "", false, nil
for i = 1, claims do
  local lockKey, ownerHash, suspect = KEYS[1 + 2 * i], ARGV[5 + 2 * i], suspects[i]
  local raw, record = read(lockKey)
  local reason = redis.pcall("GET", KEYS[2 + 2 * i])
  if reason == "refused" or reason == "granted" then was[reason] = true
  elseif reason then isGone = true end
  if record and record.ownerHash == ownerHash then
    own[#own + 1], ownFence = lockKey, fenceOf(record)
  elseif record and suspect and record.ownerHash == suspect.ownerHash
    and record.processHash == suspect.processHash
    and redis.call("EXISTS", suspect.proc) == 0 then
    taken[#taken + 1] = i
  elseif raw ~= "" and not refusal then
    refusal = { "SOMEONE_ELSE_HOLDS_LOCK", "", i, record and raw or "", redis.call("PTTL", lockKey) }
  end
end

if isGone or refusal or was.refused or (was.granted and #own == 0) then
  if #own > 0 then redis.call("DEL", procKey, unpack(own)) end
  if isGone or not refusal then
    for i = 1, claims do lengthen(KEYS[2 + 2 * i], graceMs) end
    return { "GONE", "", 0, "", 0 }
  end
  remember("refused")
  return refusal
end

if #own == claims then
  if redis.call("EXISTS", procKey) == 0 then
    -- Nobody may believe in it any more: it must not stand in the way of the next token.
    redis.call("DEL", unpack(own))
    remember("lost")
    return { "LOST", "", 0, "", 0 }
  end
  for i = 1, claims do lengthen(own[i], ttlMs) end
  lengthen(procKey, livenessMs)
  remember("granted")
  return { "SUCCESS", ownFence, 0, "", 0 }
end

local procMs, ownMs = remaining(procKey, livenessMs), {}
for i = 1, #own do ownMs[own[i]] = remaining(own[i], ttlMs) end
if redis.call("EXISTS", fenceKey) == 0 then redis.call("SET", fenceKey, firstFence) end
local fence = string.format("%.0f", redis.call("INCR", fenceKey))
for i = 1, claims do
  local lockKey = KEYS[1 + 2 * i]
  local record = ARGV[6 + 2 * i] .. ',"fence":' .. fence .. "}"
  redis.call("SET", lockKey, record, "PX", ownMs[lockKey] or ttlMs)
end
redis.call("SET", procKey, processData, "PX", procMs)
remember("granted")
for i = 1, #taken do redis.pcall("SET", suspects[taken[i]].gone, "taken", "PX", graceMs) end
return { "SUCCESS", fence, taken[1] or 0, "", 0 }
`;

/**
 * Keeps claims alive: expiry first, so that a full database (OOM) cannot end a lease; then the
 * record, for people. Creates nothing. With 0 ms for both times it only asks.
 *
 * KEYS: lock and proc of each claim.
 * ARGV: process data, then owner hash, fence, ttlMs, livenessMs and record of each claim.
 * Returns { "SUCCESS", { status of each claim } }.
 */
export const RENEW: string = `-- leasehold:renew
${RECORDS}
local processData, statuses = ARGV[1], {}
for i = 1, #KEYS / 2 do
  local lockKey, procKey, a = KEYS[2 * i - 1], KEYS[2 * i], 5 * i - 3
  local ownerHash, fence, record = ARGV[a], ARGV[a + 1], ARGV[a + 4]
  local ttlMs, livenessMs = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local _, stored = read(lockKey)
  if stored and stored.ownerHash == ownerHash and fenceOf(stored) == fence
    and redis.call("EXISTS", procKey) == 1 then
    lengthen(lockKey, ttlMs)
    lengthen(procKey, livenessMs)
    if ttlMs > 0 then redis.pcall("SET", lockKey, record, "XX", "KEEPTTL") end
    if livenessMs > 0 then redis.pcall("SET", procKey, processData, "XX", "KEEPTTL") end
    statuses[i] = "SUCCESS"
  else
    statuses[i] = "LOST"
  end
end
return { "SUCCESS", statuses }
`;

/**
 * Gives claims back. The tombstone says why the owner hash ended, and stays whatever was found:
 * "released" is only written by a release that deleted its own record, so that the same release
 * sent twice succeeds twice, and one that came too late never does.
 *
 * KEYS: proc, then lock and gone of each claim.
 * ARGV: graceMs, fence ("" for any), then owner hash of each claim.
 * Returns { status, record, 1 if one of them was taken over or forced }.
 */
export const RELEASE: string = `-- leasehold:release
${RECORDS}
local procKey, graceMs, fence = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local status, holder, isTaken = "SUCCESS", "", 0
for i = 1, (#KEYS - 1) / 2 do
  local lockKey, goneKey, ownerHash = KEYS[2 * i], KEYS[2 * i + 1], ARGV[2 + i]
  local raw, record = read(lockKey)
  local reason = redis.pcall("GET", goneKey)
  if type(reason) ~= "string" then reason = "lost" end
  if record and record.ownerHash == ownerHash then
    redis.call("DEL", lockKey)
    reason = (fence == "" or fence == fenceOf(record)) and "released" or "lost"
    raw = ""
  end
  if reason == "taken" or reason == "forced" then isTaken = 1 end
  if reason ~= "released" then
    if raw ~= "" then
      status, holder = "SOMEONE_ELSE_HOLDS_LOCK", record and raw or ""
    elseif status == "SUCCESS" then
      status = "NO_KEY"
    end
  end
  redis.pcall("SET", goneKey, reason, "PX", graceMs)
end
redis.call("DEL", procKey)
return { status, holder, isTaken }
`;

/**
 * Looks at a lock, and at the process of its holder when one is named.
 *
 * KEYS: lock, then proc of the process named, if any.
 * ARGV: 1 to ask for the digest.
 * Returns { status, record, remaining ms, 1 if that process is alive, digest of what is stored }.
 */
export const INSPECT: string = `-- leasehold:inspect
${RECORDS}
local lockKey, procKey = KEYS[1], KEYS[2]
local raw, record = read(lockKey)
if raw == "" then return { "NO_KEY", "", 0, 0, "" } end
local alive = procKey and redis.call("EXISTS", procKey) or 0
local digest = ARGV[1] == "1" and "sha1:" .. redis.sha1hex(raw) or ""
return { "SUCCESS", record and raw or "", redis.call("PTTL", lockKey), alive, digest }
`;

/**
 * Deletes the lock of one owner, whoever asks; or what was seen there and is no lock record.
 *
 * KEYS: lock, then gone of the owner, if one is named.
 * ARGV: graceMs, owner hash ("" for none), digest of what was seen.
 * Returns { status }.
 */
export const FORCE_DELETE: string = `-- leasehold:force-delete
${RECORDS}
local lockKey, goneKey = KEYS[1], KEYS[2]
local graceMs, ownerHash, digest = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local raw, record = read(lockKey)
-- The same command sent twice.
if goneKey and redis.pcall("GET", goneKey) == "forced" then return { "SUCCESS" } end
local isIt = record and record.ownerHash == ownerHash
if not goneKey then isIt = raw ~= "" and "sha1:" .. redis.sha1hex(raw) == digest end
if not isIt then return { "NO_KEY" } end
redis.call("DEL", lockKey)
if goneKey then redis.pcall("SET", goneKey, "forced", "PX", graceMs) end
return { "SUCCESS" }
`;
