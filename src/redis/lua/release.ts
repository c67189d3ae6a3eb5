import { decodeInteger, decodeLockData, processHashOf } from "../../database/lock-record.ts";
import { LockStatus } from "../../database/lock-status.ts";
import type { ReleaseOutcome, ReleaseRequest } from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { lua } from "./records.ts";

/**
 * Gives claims back. The tombstone says why the owner hash ended, and stays whatever was found:
 * "released" is only written by a release that deleted its own record, so that the same release
 * sent twice succeeds twice, and one that came too late never does.
 *
 * KEYS: proc, then lock and gone of each claim.
 * ARGV: graceMs, then the record of each claim, without a fence where any will do. Stored is that text,
 * unless it has been renewed: most often there is nothing to decode.
 * Returns "RELEASED", or { status, record, 1 if one of them was taken over or forced }.
 */
export const RELEASE: string = /* @__PURE__ */ lua(`-- leasehold:release
local redis, KEYS, ARGV = redis, KEYS, ARGV
local procKey, graceMs = KEYS[1], ARGV[1]
local status, holder, isTaken = "SUCCESS", "", 0
for i = 1, #ARGV - 1 do
  local lockKey, goneKey, claim = KEYS[2 * i], KEYS[2 * i + 1], ARGV[1 + i]
  local stored, reason, raw, record = redis.pcall("GET", lockKey), nil, "", nil
  if stored == claim then
    reason = "released"
  else
    RECORDS
    raw, record = read(stored)
    local own = cjson.decode(claim)
    if record and record.ownerHash == own.ownerHash then
      reason = (not own.fence or fenceOf(own) == fenceOf(record)) and "released" or "lost"
    end
  end
  if reason then
    redis.call("DEL", lockKey, procKey)
    raw = ""
  else
    -- Writes even if nothing is there: so that a full Redis has room for the tombstone.
    redis.call("DEL", procKey)
    reason = redis.pcall("GET", goneKey)
    if type(reason) ~= "string" then reason = "lost" end
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
if status == "SUCCESS" then return "RELEASED" end
return { status, holder, isTaken }
`);

export function releaseCommand(
  names: Names,
  { claims, fence }: ReleaseRequest,
  graceMs: number,
): Command<ReleaseOutcome> {
  const keys = [names.process + processHashOf(claims)];
  const args = [String(graceMs)];
  for (const { key, lockData } of claims) {
    keys.push(names.lock + key, names.tombstone + lockData.ownerHash);
    args.push(JSON.stringify({ ...lockData, fence }));
  }
  return { operation: "release", script: RELEASE, keys, args, decode: decodeRelease };
}

export function decodeRelease({ status, rest }: Reply): ReleaseOutcome | undefined {
  const [record, taken] = rest;
  const isTaken = decodeInteger(taken) === 1 ? { isTaken: true as const } : {};
  switch (status) {
    case "RELEASED":
      return { status: "released", lockData: null };
    case LockStatus.NO_KEY:
      return { status: "missing", lockData: null, ...isTaken };
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status: "held", lockData: decodeLockData(record), ...isTaken };
    default:
      return undefined;
  }
}
