import type { LuaMutant } from "./mutant.ts";

/** R5: expiry first, so that a full database does not end a lease. */
export const FULL: readonly LuaMutant[] = [
  {
    name: "R5: a renewal writes the record before it lengthens",
    script: "renew",
    find: "    lengthen(lockKey, ttlMs)\n",
    replace: `    if ttlMs > 0 then redis.call("SET", lockKey, record, "XX", "KEEPTTL") end
    lengthen(lockKey, ttlMs)\n`,
    guarantee: "R5 a renewal on a full database keeps lock and liveness",
  },
  {
    name: "R5: a renewal lengthens by writing the record",
    script: "renew",
    find: "    lengthen(lockKey, ttlMs)\n",
    replace: `    if ttlMs > 0 then
      redis.pcall("SET", lockKey, record, "XX", "PX", remaining(lockKey, ttlMs))
    end\n`,
    guarantee: "R5 a renewal on a full database keeps lock and liveness",
  },
  {
    name: "R5: a renewal lengthens by writing the liveness",
    script: "renew",
    find: "    lengthen(procKey, livenessMs)\n",
    replace: `    if livenessMs > 0 then
      redis.pcall("SET", procKey, processData, "XX", "PX", remaining(procKey, livenessMs))
    end\n`,
    guarantee: "R5 a renewal on a full database lengthens a liveness whose lock has long enough",
  },
  {
    name: "R5: a renewal fails when there is no room for the record",
    script: "renew",
    find: 'redis.pcall("SET", lockKey, record,',
    replace: 'redis.call("SET", lockKey, record,',
    guarantee: "R5 a renewal on a full database keeps lock and liveness",
  },
  {
    name: "R5: a renewal fails when there is no room for the liveness",
    script: "renew",
    find: 'redis.pcall("SET", procKey, processData,',
    replace: 'redis.call("SET", procKey, processData,',
    guarantee: "R5 a renewal on a full database keeps lock and liveness",
  },
  {
    name: "R5: a release writes its tombstone before it deletes",
    script: "release",
    find: '    redis.call("DEL", lockKey, procKey)\n',
    replace: `    redis.call("SET", goneKey, "released", "PX", graceMs)
    redis.call("DEL", lockKey, procKey)\n`,
    guarantee: "R5 a release on a full database frees the key",
  },
  {
    name: "R5: a release that finds nothing writes its tombstone first, for which there is no room",
    script: "release",
    find: '    redis.call("DEL", procKey)\n',
    replace: "",
    guarantee:
      "R5 a release on a full database that finds nothing is remembered: its acquire, delivered late, creates nothing",
  },
  {
    name: "R5: forceDelete writes its tombstone before it deletes",
    script: "force-delete",
    find: 'redis.call("DEL", lockKey)\n',
    replace: `if goneKey then redis.call("SET", goneKey, "forced", "PX", graceMs) end
redis.call("DEL", lockKey)\n`,
    guarantee: "R5 forceDelete on a full database frees the key",
  },
  {
    name: "R5: a refused acquire writes its tombstone first, for which there is no room",
    script: "acquire",
    find: 'redis.call("PEXPIRE", KEYS[4], graceMs)\n',
    replace: "",
    guarantee: "R5 a refusal on a full database is remembered: delivered again, it creates nothing",
  },
];
