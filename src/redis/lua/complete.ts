import type {
  CompleteRequest,
  JobOutcome,
  Kept,
  ReleaseOutcome,
} from "../../database/operations.ts";
import type { Command, Names, Reply } from "../command.ts";
import { jobsCommand, jobsScript } from "./jobs.ts";
import { RELEASE, releaseCommand } from "./release.ts";

/**
 * Stores the result of each job that still holds its lock, alive and under its fence, and releases the
 * lock. Storing comes first; where there is no room for it, a marker may fit once the lock is gone. Sent
 * again, it finds what it has stored.
 *
 * KEYS of a job: done, then those of release for its lock. ARGV: how long to remember, the record, the
 * record as a marker, then those of release.
 * Returns { "RELEASED", what is kept: "result", "marker", "no", or "" when this is unknown } or what
 * release returns.
 */
const COMPLETE = /* @__PURE__ */ jobsScript(
  "complete",
  `local function complete(KEYS, ARGV)
  local doneKey, procKey, lockKey, goneKey = unpack(KEYS)
  local rememberMs, result, marker, graceMs, claim = unpack(ARGV)
  local function keep(text)
    if redis.pcall("SET", doneKey, text, "PX", rememberMs).err then return nil end
    return text == marker and "marker" or "result"
  end
  local own, stored = cjson.decode(claim), redis.pcall("GET", lockKey)
  local isOwn = stored == claim
  if not isOwn then
    local _, record = read(stored)
    isOwn = record and record.ownerHash == own.ownerHash and fenceOf(record) == fenceOf(own)
  end
  local isAlive = isOwn and redis.call("EXISTS", procKey) == 1
  local kept = isAlive and keep(result) or nil
  if isOwn and not isAlive then
    -- Another may have noticed, and be about to take over: the run does not count.
    redis.call("DEL", lockKey)
    redis.pcall("SET", goneKey, "lost", "PX", graceMs)
  end
  local outcome = release({ unpack(KEYS, 2) }, { unpack(ARGV, 4) })
  if isAlive then
    kept = kept or keep(marker) or "no"
  else
    local ok, before = pcall(cjson.decode, redis.pcall("GET", doneKey))
    if ok and type(before) == "table" and before.ownerHash == own.ownerHash then
      kept = before.result and "result" or "marker"
    end
  end
  if kept or outcome == "RELEASED" then return { "RELEASED", kept or "" } end
  return outcome
end`,
  { name: "release", script: RELEASE },
);

export function completeCommand(
  names: Names,
  requests: readonly CompleteRequest[],
  graceMs: number,
): Command<readonly JobOutcome<ReleaseOutcome>[]> {
  const jobs = requests.map((request) => {
    const { keys, args, decode } = releaseCommand(names, request, graceMs);
    const { result: _, ...marker } = request.record;
    const rememberMs = Math.max(request.rememberMs, graceMs);
    return {
      keys: [names.result + request.resultKey, ...keys],
      args: [String(rememberMs), JSON.stringify(request.record), JSON.stringify(marker), ...args],
      decode: (reply: Reply): ReleaseOutcome | undefined => {
        const outcome = decode(reply);
        if (outcome?.status !== "released") return outcome;
        const kept = decodeKept(reply.rest[0]);
        return kept === undefined ? undefined : { ...outcome, kept };
      },
    };
  });
  return jobsCommand("complete", COMPLETE, names, jobs);
}

function decodeKept(value: unknown): Kept | undefined {
  switch (value) {
    case "result":
    case "marker":
    case "no":
      return value;
    case "":
      return "unknown";
    default:
      return undefined;
  }
}
