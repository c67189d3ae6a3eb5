import type { LuaMutant } from "./mutant.ts";

const ENDS = "O2 a completion stores the result, frees the lock, and leaves a tombstone";
const STALE = "O2 a stale run cannot complete, overwrite or end its successor's";
const DEAD = "O2 a run whose liveness has expired cannot complete, nor stand in the way";
const FORGETS = "O3 forgetting one completion leaves a later one alone";

/** O1 to O4 and O7: jobs that run once. */
export const JOBS: readonly LuaMutant[] = [
  {
    name: "O1: an admission does not look at what is remembered",
    script: "admit",
    find: 'if not done or done == "" then return acquire',
    replace: "if true then return acquire",
    guarantee: "O1 a job that completed is answered with its result",
  },
  {
    name: "O1: an admission that finds a completion leaves no tombstone",
    script: "admit",
    find: '  redis.pcall("SET", KEYS[5], "refused", "NX", "PX", ARGV[4])\n',
    replace: "",
    guarantee: "O1 an admission that found a completion creates nothing once that is forgotten",
  },
  {
    name: "O1: a late copy of an admission overwrites what became of its run",
    script: "admit",
    find: '"refused", "NX", "PX"',
    replace: '"refused", "PX"',
    guarantee:
      "O2 a completion sent again succeeds, though a late copy of its admission came and all is forgotten",
  },
  {
    name: "O2: a completion checks neither owner nor fence",
    script: "complete",
    find: "isOwn = record and record.ownerHash == own.ownerHash and fenceOf(record) == fenceOf(own)",
    replace: "isOwn = record ~= nil",
    guarantee: STALE,
  },
  {
    name: "O2: a completion does not check the fence",
    script: "complete",
    find: "record.ownerHash == own.ownerHash and fenceOf(record) == fenceOf(own)",
    replace: "record.ownerHash == own.ownerHash",
    guarantee: "O2 a completion under another fence is refused",
  },
  {
    name: "O2: a completion does not check the liveness",
    script: "complete",
    find: 'isOwn and redis.call("EXISTS", procKey) == 1',
    replace: "isOwn",
    guarantee: DEAD,
  },
  {
    name: "O2: a dead run that completes leaves its lock standing",
    script: "complete",
    find: "  if isOwn and not isAlive then\n",
    replace: '  if isOwn and not isAlive then return { "NO_KEY" } end\n  if false then\n',
    guarantee: DEAD,
  },
  {
    name: "O2: a dead run that completes has released its lock",
    script: "complete",
    find: '    redis.call("DEL", lockKey)\n    redis.pcall("SET", goneKey, "lost", "PX", graceMs)\n',
    replace: "",
    guarantee: DEAD,
  },
  {
    name: "O2: a completion does not free the lock",
    script: "complete",
    find: "local outcome = release(",
    replace: 'local outcome = isAlive and "RELEASED" or release(',
    guarantee: ENDS,
  },
  {
    name: "O2: a completion stores its result whoever holds the lock",
    script: "complete",
    find: "local kept = isAlive and keep(result) or nil",
    replace: "local kept = keep(result)",
    guarantee: STALE,
  },
  {
    name: "O2: a completion stores its result when its lock has expired",
    script: "complete",
    find: "local kept = isAlive and keep(result) or nil",
    replace: "local kept = (isAlive or not stored) and keep(result) or nil",
    guarantee: "O2 a run whose lock has expired cannot complete",
  },
  {
    name: "O2: a completion sent again does not look for what it stored",
    script: "complete",
    find: 'if ok and type(before) == "table" and before.ownerHash == own.ownerHash then',
    replace: "if false then",
    guarantee: "O2 a completion sent twice succeeds twice",
  },
  {
    name: "O2: a completion sent again goes by its tombstone alone",
    script: "complete",
    find: 'if kept or outcome == "RELEASED" then',
    replace: 'if outcome == "RELEASED" then',
    guarantee: "O2 a completion sent again when its tombstone has expired finds what it stored",
  },
  {
    name: "O2: a completion takes what a successor stored for its own",
    script: "complete",
    find: " and before.ownerHash == own.ownerHash then",
    replace: " then",
    guarantee: STALE,
  },
  {
    name: "O2: a completion sent again when all is forgotten says that its result is kept",
    script: "complete",
    find: 'return { "RELEASED", kept or "" }',
    replace: 'return { "RELEASED", kept or "result" }',
    guarantee: "O2 a completion sent again when all is forgotten says that it cannot know",
  },
  {
    name: "O3: forgetting does not compare the owner hash",
    script: "forget",
    find: " or record.ownerHash ~= ARGV[1] then",
    replace: " then",
    guarantee: FORGETS,
  },
  {
    name: "O3: forgetting deletes nothing",
    script: "forget",
    find: 'redis.call("DEL", KEYS[1])\n',
    replace: "",
    guarantee: FORGETS,
  },
  {
    name: "O4: a completion fails when there is no room for its result",
    script: "complete",
    find: 'if redis.pcall("SET", doneKey, text, "PX", rememberMs).err then return nil end',
    replace: 'redis.call("SET", doneKey, text, "PX", rememberMs)',
    guarantee:
      "O4 a completion on a full database frees the job, and says what became of the result",
  },
  {
    name: "O4: a result is stored after its lock is gone",
    script: "complete",
    find: 'kept = kept or keep(marker) or "no"',
    replace: 'kept = kept or keep(result) or "no"',
    guarantee:
      "O4 a completion on a full database frees the job, and says what became of the result",
  },
  {
    name: "O4: a completion without room for its result does not try a marker",
    script: "complete",
    find: 'kept = kept or keep(marker) or "no"',
    replace: 'kept = kept or "no"',
    guarantee: "O4 a completion without room for its result leaves a marker",
  },
  {
    name: "O4: an admission that finds a completion fails when there is no room for its tombstone",
    script: "admit",
    find: '  redis.call("PEXPIRE", KEYS[5], ARGV[4])\n  redis.pcall(',
    replace: "  redis.call(",
    guarantee: "O4 a completed job is recognized on a full database",
  },
  {
    name: "O7: the failure of one job is that of all admitted with it",
    script: "admit",
    find: "local ok, reply = pcall(admit, ",
    replace: "local ok, reply = true, admit(",
    guarantee: "O4 a job is not admitted on a full database",
  },
  {
    name: "R7: an admission runs past what is no text",
    script: "admit",
    find: 'if type(done) == "table" then done = done.err end',
    replace: 'if type(done) == "table" then done = nil end',
    guarantee: "R7 what is no text at all is never overwritten nor run past",
  },
];
