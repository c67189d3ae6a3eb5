import type { LuaMutant } from "./mutant.ts";

/** R2: what is gone stays gone. */
export const NEVER_RESURRECT: readonly LuaMutant[] = [
  {
    name: "R2: a renewal resurrects a lost lock",
    script: "renew",
    find: 'statuses[i] = "LOST"',
    replace: `local isBack = ttlMs > 0 and redis.call("SET", lockKey, record, "NX", "PX", ttlMs)
    statuses[i] = isBack and "SUCCESS" or "LOST"`,
    seed: 16,
    guarantee: "R2 the renewal of a lock that was never had is lost, and creates nothing",
  },
  {
    name: "R2: a renewal does not check the process",
    script: "renew",
    find: 'and redis.call("EXISTS", procKey) == 1 then',
    replace: "then",
    seed: 39,
    guarantee: "R2 a renewal with the process dead is lost, and creates and lengthens nothing",
  },
  {
    name: "R2: a renewal resurrects a dead process",
    script: "renew",
    find: 'and redis.call("EXISTS", procKey) == 1 then',
    replace: `and (redis.call("EXISTS", procKey) == 1 or livenessMs > 0
      and redis.call("SET", procKey, processData, "PX", livenessMs)) then`,
    seed: 39,
    guarantee: "R2 a renewal with the process dead is lost, and creates and lengthens nothing",
  },
  {
    name: "R2: an acquire sent again does not check its process",
    script: "acquire",
    find: 'if redis.call("EXISTS", procKey) == 0 then',
    replace: "if false then",
    guarantee:
      "R2 an acquire sent again after its process died is lost for good, and frees the key",
  },
  {
    name: "R2: an acquire sent again resurrects its dead process",
    script: "acquire",
    find: "if #own == claims then",
    replace: `if #own == claims then
  redis.call("SET", procKey, processData, "NX", "PX", livenessMs)`,
    guarantee:
      "R2 an acquire sent again after its process died is lost for good, and frees the key",
  },
  {
    name: "R2: a lost acquire leaves its lock behind",
    script: "acquire",
    find: 'redis.call("DEL", unpack(own))\n',
    replace: "\n",
    guarantee:
      "R2 an acquire sent again after its process died is lost for good, and frees the key",
  },
  {
    name: "R2: a refused acquire reports its process alive",
    script: "acquire",
    find: 'remember("refused")\n',
    replace: `remember("refused")
  redis.call("SET", procKey, processData, "PX", livenessMs)\n`,
    seed: 1,
    guarantee: "R2 a refused acquire creates nothing but a tombstone",
  },
  {
    name: "R2: tryUpdate resurrects a lost record",
    script: "try-update",
    find: 'if raw == "" then return { "NO_KEY", "" } end',
    replace: 'if raw == "" then stored = { ownerHash = ownerHash } end',
    guarantee: "R2 tryUpdate of a missing record creates nothing",
  },
];
