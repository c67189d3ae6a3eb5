import type { LuaMutant } from "./mutant.ts";

const IS_RECORD = `if ok and type(record) == "table" and type(record.ownerHash) == "string"
    and type(record.processHash) == "string" then`;
const PARSED = "local ok, record = pcall(cjson.decode, raw)";
const WRONG_TYPE = 'if string.find(raw.err, "WRONGTYPE", 1, true) then return "?", nil end';
const IS_EMPTY = 'if not raw or raw == "" then';

/** Cases of the conformance suite, by what they put at the key of a lock. */
const AT_LOCK = {
  list: "R7 what is no text at a lock key is held by someone, and stays",
  text: "R7 text at a lock key is held by someone, and stays",
  number: "R7 a number at a lock key is held by someone, and stays",
  empty: "R7 the empty text at a lock key counts as absent",
};
const INSPECTED = "R7 a value that is not text can be inspected, and force-deleted";

/** The scripts of the operations, with a schedule in which each finds text that is not a record. */
const SCRIPTS = [
  { script: "acquire", seed: 17 },
  { script: "renew", seed: 272 },
  { script: "release", seed: 17 },
  { script: "inspect", seed: 49 },
  { script: "force-delete", seed: 49 },
];

/** R7 removed: values that are not records. */
export const GARBAGE: readonly LuaMutant[] = [
  {
    name: "R7: an acquire takes over what is not a record",
    script: "acquire",
    find: 'elseif raw ~= "" and not refusal then',
    replace: "elseif record and not refusal then",
    seed: 3,
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: an acquire takes over what is not text",
    script: "acquire",
    find: WRONG_TYPE,
    replace: 'if string.find(raw.err, "WRONGTYPE", 1, true) then return "", nil end',
    guarantee: AT_LOCK.list,
  },
  ...["acquire", "renew", "release", "inspect", "force-delete", "read"].map((script) => ({
    name: `R7: the script ${script} fails on what is not text`,
    script,
    find: WRONG_TYPE,
    replace: "",
    // The suite's case does not inspect.
    guarantee: script === "inspect" ? INSPECTED : AT_LOCK.list,
  })),
  ...SCRIPTS.map(({ script, seed }) => ({
    name: `R7: the script ${script} fails on what is not JSON`,
    script,
    find: PARSED,
    replace: "local ok, record = true, cjson.decode(raw)",
    seed,
    guarantee: AT_LOCK.text,
  })),
  ...SCRIPTS.map(({ script }) => ({
    name: `R7: the script ${script} fails on JSON that is not an object`,
    script,
    find: IS_RECORD,
    replace: IS_RECORD.replace('type(record) == "table" and ', ""),
    guarantee: AT_LOCK.number,
  })),
  {
    name: "R7: an acquire takes a record without process for its own",
    script: "acquire",
    find: IS_RECORD,
    replace: 'if ok and type(record) == "table" and type(record.ownerHash) == "string" then',
    guarantee: "R7 a record of one's own but for no process hash is not one's own",
  },
  {
    name: "R7: an acquire treats the empty text as held",
    script: "acquire",
    find: IS_EMPTY,
    replace: 'if raw == "" then return "?", nil end\n  if not raw then',
    guarantee: AT_LOCK.empty,
  },
  {
    name: "R7: an inspection treats the empty text as held",
    script: "inspect",
    find: IS_EMPTY,
    replace: 'if raw == "" then return "?", nil end\n  if not raw then',
    guarantee: AT_LOCK.empty,
  },
  {
    name: "R7: an inspection treats what is not a record as free",
    script: "inspect",
    find: 'if raw == "" then',
    replace: "if not record then",
    seed: 12,
    guarantee: "R7 an inspection shows what is no record as held, with its time left",
  },
  {
    name: "R7: a release treats what is not a record as free",
    script: "release",
    find: 'if raw ~= "" then',
    replace: "if record then",
    seed: 3,
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: a release deletes what is not a record",
    script: "release",
    find: "if record and record.ownerHash == own.ownerHash then",
    replace:
      'if raw ~= "" and (not record or record.ownerHash == own.ownerHash) then\n    record = record or {}',
    seed: 3,
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: tryCreate overwrites what is not a record",
    script: "try-create",
    find: 'if raw ~= "" and not own then',
    replace: "if stored and not own then",
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: tryUpdate overwrites what is not a record",
    script: "try-update",
    find: "if not stored or stored.ownerHash ~= ownerHash then",
    replace: "if stored and stored.ownerHash ~= ownerHash then",
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: tryDelete deletes what is not a record",
    script: "try-delete",
    find: "if not stored or stored.ownerHash ~= ownerHash then",
    replace: "if stored and stored.ownerHash ~= ownerHash then",
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: forceDelete deletes something other than what was seen",
    script: "force-delete",
    find: 'raw ~= "" and "sha1:" .. redis.sha1hex(raw) == digest',
    replace: 'raw ~= ""',
    guarantee: "R7 forceDelete spares what replaced the value it saw",
  },
  {
    name: "R7: forceDelete of an owner deletes what is not a record",
    script: "force-delete",
    find: "local isIt = record and record.ownerHash == ownerHash",
    replace: 'local isIt = raw ~= "" and (not record or record.ownerHash == ownerHash)',
    guarantee: AT_LOCK.text,
  },
  {
    name: "R7: an acquire fails on a tombstone that is not text",
    script: "acquire",
    find: 'local reason = redis.pcall("GET",',
    replace: 'local reason = redis.call("GET",',
    guarantee: "R7 what is no text at a tombstone ends its owner hash, too",
  },
  {
    name: "R7: an acquire ignores a tombstone with an unknown reason",
    script: "acquire",
    find: "elseif reason then isGone = true end",
    replace: `elseif reason == "released" or reason == "taken" or reason == "forced" or reason == "lost" then
    isGone = true
  end`,
    guarantee: "R7 what is no tombstone ends its owner hash, and lets a release be answered",
  },
  {
    name: "R7: a release fails on a tombstone that is not text",
    script: "release",
    find: 'reason = redis.pcall("GET", goneKey)',
    replace: 'reason = redis.call("GET", goneKey)',
    guarantee: "R7 a release that finds nothing overwrites a tombstone that is not text",
  },
  {
    name: "R7: a release that finds nothing leaves a tombstone that is not text",
    script: "release",
    find: 'if type(reason) ~= "string" then',
    replace: "if not reason then",
    guarantee: "R7 a release that finds nothing overwrites a tombstone that is not text",
  },
  {
    name: "R7: forceDelete fails on a tombstone that is not text",
    script: "force-delete",
    find: 'redis.pcall("GET", goneKey)',
    replace: 'redis.call("GET", goneKey)',
    guarantee: "R7 what is no text at a tombstone ends its owner hash, too",
  },
];
