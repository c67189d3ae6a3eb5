/**
 * What stands at the head of every script that reads records.
 *
 * The scripts do the atomic work. Each is one plain EVAL; every key it touches is in KEYS; no TIME, no
 * randomness, milliseconds only. Reads come before INCR and INCR before other writes, because Redis
 * does not roll a script back. A record is never re-encoded here: cjson rounds. Each stands in a file
 * with what encodes its arguments and decodes its reply, so that both sides change together.
 */
const RECORDS = `
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

/** A script that reads records, as it is sent: see {@link lua}. */
export function luaWithRecords(text: string): string {
  const [name = "", ...body] = text.split("\n");
  return lua([name, RECORDS, ...body].join("\n"));
}

/** A script as it is sent: without comments, but for the first line, which names it in the SLOWLOG. */
export function lua(text: string): string {
  const [name, ...body] = text.split("\n");
  const code = body.filter((line) => !/^\s*(?:--.*)?$/.test(line));
  return [name, ...code].join("\n");
}
