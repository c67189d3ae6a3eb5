import { decodeInteger, decodeLockData, processHashOf } from "../../database/lock-record.ts";
import { LockStatus } from "../../database/lock-status.ts";
import type { ReleaseOutcome, ReleaseRequest } from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { luaWithRecords } from "./records.ts";

/**
 * Gives claims back. The tombstone says why the owner hash ended, and stays whatever was found:
 * "released" is only written by a release that deleted its own record, so that the same release
 * sent twice succeeds twice, and one that came too late never does.
 *
 * KEYS: proc, then lock and gone of each claim.
 * ARGV: graceMs, fence ("" for any), then owner hash of each claim.
 * Returns { status, record, 1 if one of them was taken over or forced }.
 */
const RELEASE = /* @__PURE__ */ luaWithRecords(`-- leasehold:release
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
  else
    -- Writes even if nothing is there: so that a full Redis has room for the tombstone.
    redis.call("DEL", procKey)
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
`);

export function releaseCommand(
  names: Names,
  { claims, fence }: ReleaseRequest,
  graceMs: number,
): Command<ReleaseOutcome> {
  const keys = [names.process + processHashOf(claims)];
  const args = [String(graceMs), String(fence ?? "")];
  for (const { key, lockData } of claims) {
    keys.push(names.lock + key, names.tombstone + lockData.ownerHash);
    args.push(lockData.ownerHash);
  }
  return { operation: "release", script: RELEASE, keys, args, decode: decodeRelease };
}

function decodeRelease({ status, rest }: Reply): ReleaseOutcome | undefined {
  const [record, taken] = rest;
  const isTaken = decodeInteger(taken) === 1 ? { isTaken: true as const } : {};
  switch (status) {
    case LockStatus.SUCCESS:
      return { status: "released", lockData: null };
    case LockStatus.NO_KEY:
      return { status: "missing", lockData: null, ...isTaken };
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status: "held", lockData: decodeLockData(record), ...isTaken };
    default:
      return undefined;
  }
}
