import * as fc from "fast-check";

/** Text with a special meaning to some layer: Lua, HTTP, Redis, JSON, JavaScript, this library. */
const LOADED: readonly string[] = [
  '"] redis.call("FLUSHALL") --',
  "]]..redis.call('DEL','fence')..[[",
  "\\\\\"}]') return 1 --",
  "\r\nDEL fence\r\n",
  "*1\r\n$8\r\nFLUSHALL\r\n",
  "x\r\nauthorization: Bearer y",
  "../../pipeline",
  "/multi-exec?_token=z",
  "%00%0d%0a",
  "a@leasehold/1.2.0#b",
  "lock:a",
  "fence",
  "{a}{b}",
  "*?[a-z]\\",
  '","fence":1}',
  '{"ownerHash":"a@b/1.1.0","processHash":"b/1.1"}',
  "__proto__",
  "constructor",
  "${process.env}",
  "\u2028\u2029\ufeff",
  "\u{1f512}",
  "null",
  " ",
  "",
  "\0",
  "a\0b",
  "caf\uFFFD",
  "\ud800",
  "\udc00\ud800",
  "a".repeat(1_000),
  "a".repeat(1_001),
  "é".repeat(500),
  "é".repeat(501),
];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...LOADED),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.tuple(fc.constantFrom(...LOADED), fc.string({ maxLength: 5 })).map((parts) => parts.join("")),
);

/** Anything but text, including values that JSON cannot represent. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withTypedArray: true }),
  fc.constantFrom(
    NaN,
    Infinity,
    -0,
    2 ** 53,
    Symbol("a"),
    () => 1,
    new Map(),
    new AbortController(),
  ),
);

const field = fc.oneof(hostileText, fc.jsonValue(), fc.double(), fc.constant(undefined));

/** Objects that more or less look like lock records. */
const likeRecord: fc.Arbitrary<string> = fc
  .record(
    {
      ownerHash: fc.oneof({ weight: 3, arbitrary: hostileText }, { weight: 1, arbitrary: field }),
      processHash: fc.oneof({ weight: 3, arbitrary: hostileText }, { weight: 1, arbitrary: field }),
      trace: field,
      acquiredAt: field,
      extendedAt: field,
      fence: fc.oneof(fc.integer(), field),
      livenessMs: fc.oneof(fc.integer(), field),
      __proto__: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((record) => JSON.stringify(record));

const head = '"ownerHash":"a@b/1.1.0","processHash":"b/1.1"';

/** What another program may have stored under one of our names. */
export const garbageText: fc.Arbitrary<string> = fc.oneof(
  likeRecord,
  fc.json(),
  hostileText,
  fc.constantFrom(
    `{${head},"fence":1e999}`,
    `{${head},"fence":NaN,"livenessMs":-1}`,
    `{${head},"fence":9007199254740993,"livenessMs":1e308}`,
    `{${head},"more":${"[".repeat(2_000)}${"]".repeat(2_000)}}`,
    `{${head},"ownerHash":"c@d/1.1.0"}`,
    `{${head},"trace":"\\ud800"}`,
    '{"ownerHash":"a@\\ud800/1.1.0","processHash":"\\ud800/1.1"}',
    '{"ownerHash":"","processHash":""}',
    "[".repeat(100_000),
    "x".repeat(1_000_000),
    `{${head},"trace":"${"t".repeat(1_000_000)}"}`,
  ),
);

/** Commands that put values of every Redis type at a key. */
export const garbageCommand: fc.Arbitrary<(key: string) => (string | number)[]> = fc.oneof(
  { weight: 8, arbitrary: garbageText.map((text) => (key: string) => ["SET", key, text]) },
  {
    weight: 3,
    arbitrary: garbageText.map((text) => (key: string) => ["SET", key, text, "PX", 60_000]),
  },
  { weight: 1, arbitrary: hostileText.map((text) => (key: string) => ["RPUSH", key, text]) },
  { weight: 1, arbitrary: hostileText.map((text) => (key: string) => ["SADD", key, text]) },
  { weight: 1, arbitrary: hostileText.map((text) => (key: string) => ["ZADD", key, 1, text]) },
  {
    weight: 1,
    arbitrary: hostileText.map((text) => (key: string) => ["HSET", key, "ownerHash", text]),
  },
  {
    weight: 1,
    arbitrary: hostileText.map((text) => (key: string) => ["XADD", key, "*", "a", text]),
  },
  { weight: 1, arbitrary: fc.constant((key: string) => ["SETBIT", key, 70, 1]) },
);

/** No time limit: an interrupted run would leave its locks behind. */
export function runs(numRuns: number): fc.Parameters<unknown> {
  return { numRuns };
}

export function isLawful(text: string, min: number, max: number): boolean {
  const bytes = new TextEncoder().encode(text).length;
  return text.isWellFormed() && !/[\0\uFFFD]/.test(text) && bytes >= min && bytes <= max;
}
