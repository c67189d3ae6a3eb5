import { decodeInteger, decodeLockData, processHashOf } from "../../database/lock-record.ts";
import { LockStatus } from "../../database/lock-status.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Grant,
  HandedOff,
  Suspect,
} from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { decodeRemaining } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * Takes all claims or none. Refused or granted, it is remembered: the same request delivered again,
 * when the keys are free and its caller has gone, must not take them for nobody. A suspect with a fence is
 * one that hands its lock off: it must be alive, and nothing that is free is taken.
 *
 * KEYS: fence, proc, then lock and gone of each claim, then proc and gone of each suspect.
 * ARGV: claims, ttlMs, livenessMs, graceMs, first fence, process data, then the record of each claim (open
 * at its end, for the fence), then claim number, owner hash, process hash and fence ("" of one that may be
 * dead) of each suspect, then the highest fence seen.
 * Returns "GRANTED fence" where nothing was stored, or { status, fence, claim number, record, remaining ms }.
 */
export const ACQUIRE: string = /* @__PURE__ */ lua(`-- leasehold:acquire
-- A global is looked up anew at each use.
local redis, KEYS, ARGV = redis, KEYS, ARGV
local fenceKey, procKey, claims = KEYS[1], KEYS[2], tonumber(ARGV[1])
local ttlMs, livenessMs, graceMs, processData = ARGV[2], ARGV[3], ARGV[4], ARGV[6]
local highestFence = tonumber(ARGV[#ARGV])
local procMs, ownMs, suspects, taken = livenessMs, nil, nil, nil

-- An uncontended acquire finds nothing at any of them: there is nothing to read, and no helper to make.
-- (unpack has a limit.)
if claims > 1000 or #KEYS > 2 + 2 * claims or redis.call("EXISTS", unpack(KEYS, 2, 2 + 2 * claims)) > 0 then
  RECORDS
  local isHandOff = false
  suspects, taken = {}, {}
  for s = 1, (#KEYS - 2 - 2 * claims) / 2 do
    local k, a = 2 + 2 * claims + 2 * s - 1, 6 + claims + 4 * s - 3
    local fence = tonumber(ARGV[a + 3])
    isHandOff = fence ~= nil
    suspects[tonumber(ARGV[a])] = {
      proc = KEYS[k], gone = KEYS[k + 1], ownerHash = ARGV[a + 1], processHash = ARGV[a + 2],
      fence = fence, lives = isHandOff and 1 or 0
    }
  end

  -- By pcall: a full database that has no room for it must answer all the same.
  local function remember(reason)
    for i = 1, claims do redis.pcall("SET", KEYS[2 + 2 * i], reason, "PX", graceMs) end
  end

  local own, was, ownFence, isGone, refusal = {}, {}, "", false, nil
  for i = 1, claims do
    local lockKey, suspect = KEYS[1 + 2 * i], suspects[i]
    local ownerHash = cjson.decode(ARGV[6 + i] .. "}").ownerHash
    local raw, record = read(redis.pcall("GET", lockKey))
    local reason = redis.pcall("GET", KEYS[2 + 2 * i])
    if reason == "refused" or reason == "granted" then was[reason] = true
    elseif reason then isGone = true end
    if record and record.ownerHash == ownerHash then
      own[#own + 1], ownFence = lockKey, fenceOf(record)
    elseif record and suspect and record.ownerHash == suspect.ownerHash
      and record.processHash == suspect.processHash
      and redis.call("EXISTS", suspect.proc) == suspect.lives
      and (not isHandOff or record.fence == suspect.fence) then
      taken[#taken + 1] = i
      highestFence = math.max(highestFence, suspect.fence or 0)
    elseif raw ~= "" and not refusal then
      refusal = { "SOMEONE_ELSE_HOLDS_LOCK", "", i, record and raw or "", redis.call("PTTL", lockKey) }
    end
  end

  if isHandOff and #own + #taken < claims and not refusal then isGone = true end
  -- What it still has of several keys it keeps: its holder may believe in them.
  if isGone or refusal or was.refused or (was.granted and #own == 0) then
    if isGone or not refusal then
      for i = 1, claims do lengthen(KEYS[2 + 2 * i], graceMs) end
      return { "GONE" }
    end
    -- Changes nothing that stays, but then the script has written: so that a full Redis has room for the rest.
    redis.call("PEXPIRE", KEYS[4], graceMs)
    remember("refused")
    return refusal
  end

  if #own == claims then
    if redis.call("EXISTS", procKey) == 0 then
      -- Nobody may believe in it any more: it must not stand in the way of the next token.
      redis.call("DEL", unpack(own))
      remember("lost")
      return { "LOST" }
    end
    for i = 1, claims do lengthen(own[i], ttlMs) end
    lengthen(procKey, livenessMs)
    remember("granted")
    return { "GRANTED", ownFence }
  end

  procMs, ownMs = remaining(procKey, livenessMs), {}
  for i = 1, #own do ownMs[own[i]] = remaining(own[i], ttlMs) end
end

local fence = redis.call("INCR", fenceKey)
-- An absent counter starts at the clock, and one that lags above what its client has seen.
if fence <= 1 then highestFence = math.max(highestFence, tonumber(ARGV[5])) end
if fence <= highestFence then
  fence = redis.call("INCRBY", fenceKey, string.format("%.0f", highestFence + 1 - fence))
end
if fence >= 2^53 then return redis.error_reply("WRONGTYPE not an integer below 2^53") end
fence = string.format("%.0f", fence)
for i = 1, claims do
  local lockKey = KEYS[1 + 2 * i]
  local record = ARGV[6 + i] .. ',"fence":' .. fence .. "}"
  redis.call("SET", lockKey, record, "PX", ownMs and ownMs[lockKey] or ttlMs)
end
redis.call("SET", procKey, processData, "PX", procMs)
for i = 1, claims do redis.pcall("SET", KEYS[2 + 2 * i], "granted", "PX", graceMs) end
if not taken then return "GRANTED " .. fence end
for i = 1, #taken do
  redis.call("DEL", suspects[taken[i]].proc)
  redis.pcall("SET", suspects[taken[i]].gone, "taken", "PX", graceMs)
end
return { "GRANTED", fence, taken[1] }
`);

/** What an acquire needs beside the request. */
export interface AcquireSettings {
  readonly graceMs: number;
  /** Where to start counting when the fence counter is gone. */
  readonly firstFence: number;
  /** The highest fence this client has seen: a counter below it goes on above it. */
  readonly highestFence: number;
  /** The record of the claims' process. */
  readonly processData: string;
}

export function acquireCommand(
  names: Names,
  request: AcquireRequest,
  { graceMs, firstFence, highestFence, processData }: AcquireSettings,
): Command<AcquireOutcome> {
  const { claims, suspects, handedOff, ttlMs, livenessMs } = request;
  const keys = [names.fence, names.process + processHashOf(claims)];
  const args = [claims.length, ttlMs, livenessMs, graceMs, firstFence, processData].map(String);
  for (const { key, lockData } of claims) {
    keys.push(names.lock + key, names.tombstone + lockData.ownerHash);
    // The script closes the record behind the fence it draws.
    args.push(JSON.stringify(lockData).slice(0, -1));
  }
  const holders: readonly (Suspect & Partial<HandedOff>)[] = handedOff ?? suspects;
  for (const { key, ownerHash, processHash, fence = "" } of holders) {
    const claimNumber = claims.findIndex((claim) => claim.key === key) + 1;
    keys.push(names.process + processHash, names.tombstone + ownerHash);
    args.push(String(claimNumber), ownerHash, processHash, String(fence));
  }
  args.push(String(highestFence));
  const decode = (reply: Reply): AcquireOutcome | undefined => decodeAcquire(reply, request);
  return { operation: "acquire", script: ACQUIRE, keys, args, decode };
}

export function decodeAcquire(
  { status, rest }: Reply,
  request: AcquireRequest,
): AcquireOutcome | undefined {
  const [, claimNumber, record, pttl] = rest;
  const key = request.claims[(decodeInteger(claimNumber) ?? 0) - 1]?.key;
  switch (status) {
    case "GONE":
      return { status: "gone" };
    case "LOST":
      return { status: "lost" };
    case "GRANTED":
      return decodeGrant(rest[0], request.handedOff === undefined ? key : undefined);
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK: {
      const remainingMs = decodeRemaining(pttl);
      if (key === undefined || remainingMs === undefined) return undefined;
      return { status: "held", key, lockData: decodeLockData(record), remainingMs };
    }
    default:
      return undefined;
  }
}

function decodeGrant(fenceText: unknown, takenOver: string | undefined): Grant | undefined {
  const fence = decodeInteger(fenceText);
  return fence === undefined ? undefined : { status: "granted", fence, takenOver };
}
