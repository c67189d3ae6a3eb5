import type { LuaMutant } from "./mutant.ts";

/** Where to start counting when the counter is gone. */
const SEEDS = "if fence <= 1 then highestFence = math.max(highestFence, tonumber(ARGV[5])) end\n";

/** R6: fences survive data loss, and are exact. */
export const FENCES: readonly LuaMutant[] = [
  {
    name: "R6: fences restart at one after data loss",
    script: "acquire",
    find: SEEDS,
    replace: "",
    seed: 1,
    guarantee: "R6 a counter that is absent starts at the client's clock, and does not expire",
  },
  {
    name: "R6: an existing counter is reset",
    script: "acquire",
    find: "if fence <= 1 then highestFence =",
    replace: "if true then highestFence =",
    guarantee: "R6 a counter that is there is never reset",
  },
  {
    name: "R6: a counter that lags is not raised above what its client has seen",
    script: "acquire",
    find: "if fence <= highestFence then",
    replace: "if fence <= 1 then",
    seed: 39,
    guarantee:
      "R6 a counter that lags behind, as after a failover, goes on above the highest fence drawn",
  },
  {
    name: "R6: after data loss the highest fence seen does not count",
    script: "acquire",
    find: "math.max(highestFence, tonumber(ARGV[5]))",
    replace: "tonumber(ARGV[5])",
    seed: 1,
    guarantee: "R6 after data loss fences go on above that of a holder met",
  },
  {
    name: "R6: a fence is raised, but its counter is not",
    script: "acquire",
    find: 'fence = redis.call("INCRBY", fenceKey, string.format("%.0f", highestFence + 1 - fence))',
    replace: "fence = highestFence + 1",
    seed: 1,
    guarantee:
      "R6 a counter that lags behind, as after a failover, goes on above the highest fence drawn",
  },
  {
    name: "R6: the counter expires",
    script: "acquire",
    find: "if fence >= 2^53 then",
    replace: 'redis.call("PEXPIRE", fenceKey, graceMs)\nif fence >= 2^53 then',
    seed: 1,
    guarantee: "R6 a counter that is absent starts at the client's clock, and does not expire",
  },
  {
    name: "R6: a fence that is not exact is drawn",
    script: "acquire",
    find: 'if fence >= 2^53 then return redis.error_reply("WRONGTYPE not an integer below 2^53") end',
    replace: "",
    guarantee:
      "R7 a counter that is no integer below 2⁵³ − 1 refuses an acquire for certain, and nothing is left",
  },
  {
    name: "R6: an acquire sent again draws another fence",
    script: "acquire",
    find: '{ "GRANTED", ownFence }',
    replace: '{ "GRANTED", string.format("%.0f", redis.call("INCR", fenceKey)) }',
    seed: 1,
    guarantee: "R6 a refusal and an acquire sent again draw no fence",
  },
  {
    name: "R6: a fence is drawn with 14 digits",
    script: "acquire",
    find: 'fence = string.format("%.0f", fence)\n',
    replace: 'fence = string.format("%.14g", fence)\n',
    seed: 1,
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: an acquire reads 14 digits of its own fence",
    script: "acquire",
    find: 'string.format("%.0f", record.fence)',
    replace: 'string.format("%.14g", record.fence)',
    seed: 1,
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: a renewal compares 14 digits of the fence",
    script: "renew",
    find: 'string.format("%.0f", record.fence)',
    replace: 'string.format("%.14g", record.fence)',
    seed: 1,
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: a release compares 14 digits of the fence",
    script: "release",
    find: 'string.format("%.0f", record.fence)',
    replace: 'string.format("%.14g", record.fence)',
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: a renewal compares doubles of 15 digits",
    script: "renew",
    find: "and fenceOf(stored) == fence",
    replace: 'and string.format("%.15g", stored.fence or 0) == string.format("%.15g", fence)',
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: a record is encoded by cjson, which rounds",
    script: "acquire",
    find: `local record = ARGV[6 + i] .. ',"fence":' .. fence .. "}"`,
    replace: `local record = cjson.decode(ARGV[6 + i] .. "}")
  record.fence = tonumber(fence)
  record = cjson.encode(record)`,
    seed: 1,
    guarantee: "R6 large fences are exact everywhere",
  },
  {
    name: "R6: a record does not contain its fence",
    script: "acquire",
    find: `',"fence":' .. fence .. "}"`,
    replace: '"}"',
    seed: 1,
    guarantee: "R6 the fence of an acquisition is the one in its record",
  },
  {
    name: "R6: something is written before a fence is drawn",
    script: "acquire",
    find: 'local fence = redis.call("INCR", fenceKey)',
    replace: `redis.call("SET", procKey, processData, "PX", procMs)
local fence = redis.call("INCR", fenceKey)`,
    guarantee:
      "R7 a counter that is no integer below 2⁵³ − 1 refuses an acquire for certain, and nothing is left",
  },
];
