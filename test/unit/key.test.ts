import { describe, expect, it } from "vitest";
import { LockConfigurationError } from "../../src/errors.ts";
import { checkKey, checkKeyPrefix, checkKeys, checkTrace, fitTrace } from "../../src/key.ts";
import { formatOwnerHash } from "../../src/database/lock-record.ts";

const LONE = "\ud800";

function optionOf(check: () => unknown): string {
  try {
    check();
  } catch (error) {
    if (error instanceof LockConfigurationError) return error.option;
    throw error;
  }
  return "accepted";
}

it.each(["a", "order:17", "with space", "émoji 🔒", "a@b#c", "x".repeat(1_000), "é".repeat(500)])(
  "accepts the key %j unchanged",
  (key) => {
    expect(checkKey(key)).toBe(key);
  },
);

it.each([
  ["empty", ""],
  ["of 1,001 bytes", "x".repeat(1_001)],
  ["of 501 characters but 1,002 bytes", "é".repeat(501)],
  ["with NUL", "a\0b"],
  ["with the replacement character U+FFFD", "caf\uFFFD"],
  ["with a lone high surrogate", `a${LONE}`],
  ["with a lone low surrogate", "\udc00b"],
  ["that is a number", 17],
  ["that is undefined", undefined],
  ["that is null", null],
  ["that is an object", { toString: () => "a" }],
])("refuses a key %s", (_, key) => {
  expect(optionOf(() => checkKey(key))).toBe("key");
});

it("keeps the order of several keys", () => {
  expect(checkKeys(["b", "a"])).toEqual(["b", "a"]);
  expect(checkKeys("b")).toEqual(["b"]);
});

it.each([
  ["empty", []],
  ["with the same key twice", ["a", "b", "a"]],
  ["with a hole", Array.from({ length: 2 })],
  ["of lists", [["a"]]],
  ["with an empty key", ["a", ""]],
])("refuses a list of keys %s", (_, keys) => {
  expect(optionOf(() => checkKeys(keys))).toBe("key");
});

it.each([
  ["of 257 bytes", "x".repeat(257)],
  ["with a lone surrogate", LONE],
  ["with NUL", "\0"],
  ["with the replacement character U+FFFD", "\uFFFD"],
  ["that is a number", 1],
])("refuses a trace %s", (_, trace) => {
  expect(optionOf(() => checkTrace(trace))).toBe("trace");
});

it("accepts a trace of 256 bytes, and an empty one", () => {
  expect(checkTrace("x".repeat(256))).toHaveLength(256);
  expect(checkTrace("")).toBe("");
});

it("accepts an empty keyPrefix and refuses one that is not text", () => {
  expect(checkKeyPrefix("")).toBe("");
  expect(optionOf(() => checkKeyPrefix(null))).toBe("keyPrefix");
  expect(optionOf(() => checkKeyPrefix(`${LONE}:`))).toBe("keyPrefix");
});

it("shows no more than the beginning of a long wrong value", () => {
  expect(() => checkKey("k".repeat(5_000))).toThrow(/^.{0,200}$/);
});

it("formats an owner hash as distributed-locker does", () => {
  expect(formatOwnerHash("a@b", "leasehold/12.34")).toBe("a@b@leasehold/12.34.0");
  expect(formatOwnerHash("a", "leasehold/12.34", "job 7")).toBe("a@leasehold/12.34.0#job 7");
});

it("an owner hash has its last @ before the process, whatever the trace contains", () => {
  const ownerHash = formatOwnerHash("a@b", "leasehold/12.34", "c@host/1.2.3#d@e");
  expect(ownerHash).toBe("a@b@leasehold/12.34.0#c%40host/1.2.3#d%40e");
});

describe("many keys", () => {
  const keys = (count: number): string[] => Array.from({ length: count }, (_, at) => `k${at}`);

  it("up to 100 are accepted, and more are refused with their number and the limit", () => {
    expect(checkKeys(keys(100))).toHaveLength(100);
    expect(optionOf(() => checkKeys(keys(101)))).toBe("key");
    expect(() => checkKeys(keys(20_000))).toThrow(/100 keys.* 20000/);
  });

  it("too many are refused without a look at any of them", () => {
    let looks = 0;
    const many = new Proxy(keys(101), {
      get(target, name, receiver) {
        if (name === "0" || name === Symbol.iterator) looks += 1;
        return Reflect.get(target, name, receiver) as unknown;
      },
    });
    expect(optionOf(() => checkKeys(many))).toBe("key");
    expect(looks).toBe(0);
  });
});

describe("a trace made of request data is made to fit", () => {
  it.each([
    ["what fits as it is", "ann@example.com, émoji 🔒", "ann@example.com, émoji 🔒"],
    ["a long text cut to 256 bytes", "x".repeat(1_000), "x".repeat(256)],
    ["never within a character", `x${"é".repeat(200)}`, `x${"é".repeat(127)}`],
    ["nor within a surrogate pair", `xy${"🔒".repeat(100)}`, `xy${"🔒".repeat(63)}`],
    ["NUL, U+FFFD and lone surrogates replaced", `a\0b\uFFFDc${LONE}d`, "a?b?c?d"],
    ["an empty text empty", "", ""],
  ])("%s", (_, text, fitted) => {
    expect(fitTrace(text)).toBe(fitted);
    expect(checkTrace(fitTrace(text))).toBe(fitted);
  });
});
