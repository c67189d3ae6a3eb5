import {
  checkListRequest,
  escapeGlob,
  type ListPage,
  type ListRequest,
  type ListedJob,
  type ListedLock,
} from "../../database/listing.ts";
import { canOutliveHolder, decodeInteger, decodeLockData } from "../../database/lock-record.ts";
import { decodeResultRecord } from "../../database/result-record.ts";
import { LockConfigurationError } from "../../errors.ts";
import type { Command, Names, Reply } from "../command.ts";
import { decodeRemaining } from "../reply.ts";
import { lua } from "./records.ts";

/**
 * Looks at some thousand keys, and returns the locks and remembered jobs among them.
 *
 * KEYS: fence, which is not touched: on a cluster it names the slot. ARGV: what the names of locks, of
 * jobs and of processes begin with, pattern, limit, cursor.
 * Returns { status, "at " and the cursor, entries }: { name without the prefix, record, remaining ms,
 * for a lock 1 if its process is alive, for a job 1 if it has a result, bytes }. No name begins as JSON
 * does, which some clients would decode.
 *
 * Bounded, whatever others keep there: in keys, entries, bytes read of each and bytes returned. A result is
 * cut off: in JSON, an unescaped quote between a comma and a letter begins the name of a field.
 */
const LIST = /* @__PURE__ */ lua(`-- leasehold:list
RECORDS
local lockName, doneName, procName = ARGV[1], ARGV[2], ARGV[3]
local pattern, limit, cursor = ARGV[4], tonumber(ARGV[5]), ARGV[6]
local entries, bytes, steps, prefix = {}, 0, 0, #lockName - 5

local function add(name, isJob)
  local raw, record = redis.pcall("GETRANGE", name, 0, 16383), nil
  local flag, size = 0, 0
  if isJob and type(raw) == "string" then
    size = redis.call("STRLEN", name)
    local cut = string.find(raw, ',"result":"', 1, true)
    if cut then raw, flag = string.sub(raw, 1, cut - 1) .. "}", 1 end
  end
  raw, record = read(raw)
  if raw == "" then return end
  if record then flag = redis.call("EXISTS", procName .. record.processHash) end
  if not record and not isJob then raw = "" end
  bytes = bytes + #name + #raw
  entries[#entries + 1] =
    { string.sub(name, prefix + 1), raw, redis.call("PTTL", name), flag, size }
end

repeat
  local page = redis.call("SCAN", cursor, "MATCH", pattern, "COUNT", 100)
  cursor, steps = page[1], steps + 1
  for _, name in ipairs(page[2]) do
    local isJob = string.sub(name, 1, #doneName) == doneName
    local isOurs = isJob or string.sub(name, 1, #lockName) == lockName
    if isOurs and #name < 8192 then add(name, isJob) end
  end
until cursor == "0" or steps == 16 or #entries >= limit or bytes > 131072
return { "SUCCESS", "at " .. cursor, entries }
`);

/** Both begin with five characters, so that one SCAN finds both. */
const EITHER = "[ld]o[cn][ke]:";

export function listCommand(names: Names, request: ListRequest): Command<ListPage> {
  const { match, limit, cursor = "0" } = checkListRequest(request);
  if (!/^\d{1,20}$/.test(cursor)) {
    throw new LockConfigurationError("cursor", "is not one that list has returned");
  }
  const prefix = names.lock.slice(0, -"lock:".length);
  const pattern = escapeGlob(prefix) + EITHER + match;
  return {
    operation: "list",
    script: LIST,
    keys: [names.fence],
    args: [names.lock, names.result, names.process, pattern, String(limit), cursor],
    undeclared: true,
    decode: decodePage,
  };
}

function decodePage({ rest: [at, list] }: Reply): ListPage | undefined {
  const [, cursor] = typeof at === "string" ? (/^at (\d+)$/.exec(at) ?? []) : [];
  const entries = Array.isArray(list) ? list.map(decodeEntry) : [undefined];
  const isReadable = cursor !== undefined && entries.every((entry) => entry !== undefined);
  return isReadable ? { entries, cursor: cursor === "0" ? null : cursor } : undefined;
}

function decodeEntry(entry: unknown): ListedLock | ListedJob | undefined {
  const [name, record, pttl, flag, size]: readonly unknown[] = Array.isArray(entry) ? entry : [];
  const remainingMs = decodeRemaining(pttl);
  const bytes = decodeInteger(size);
  if (typeof name !== "string" || remainingMs === undefined || bytes === undefined)
    return undefined;
  const isSet = decodeInteger(flag) === 1;
  const key = name.slice("lock:".length);
  if (name.startsWith("done:")) {
    const found = decodeResultRecord(record);
    const hasResult = found !== null && isSet;
    return { kind: "job", key, record: found, hasResult, bytes, remainingMs };
  }
  const lockData = decodeLockData(record);
  const alive = lockData === null || isSet || !canOutliveHolder(lockData, remainingMs);
  return { kind: "lock", key, lockData, remainingMs, alive };
}
