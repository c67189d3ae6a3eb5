/**
 * What scripts that read records have in common; put where it is needed, as each helper costs time: see {@link lua}.
 *
 * The scripts do the atomic work. Each is one plain EVAL; every key it touches is in KEYS, but in `list`; no TIME, no
 * randomness, milliseconds only. Reads come before INCR and INCR before other writes, because Redis
 * does not roll a script back. A record is never re-encoded here: cjson rounds. Each stands in a file
 * with what encodes its arguments and decodes its reply, so that both sides change together.
 */
const RECORDS = `
-- From GET's reply, what is stored ("" when nothing) and, if it is a lock record, that record. Anything
-- else at our key is held by someone unreadable: never free, never an error.
local function read(raw)
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
  return math.max(redis.call("PTTL", key), tonumber(ms))
end

-- Never shortens, and leaves a key without expiry alone.
local function lengthen(key, ms)
  local left = redis.call("PTTL", key)
  if left >= 0 and left < tonumber(ms) then redis.call("PEXPIRE", key, ms) end
end
`;

/**
 * A script as it is sent: without comments, but for the first line, which names it in the SLOWLOG; with
 * the helpers above where a line says RECORDS.
 */
export function lua(text: string): string {
  const [name, ...body] = text.replace(/^ *RECORDS$/m, RECORDS).split("\n");
  const code = body.filter((line) => !/^\s*(?:--.*)?$/.test(line));
  return [name, ...code].join("\n");
}
