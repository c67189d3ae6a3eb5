import { expect, it } from "vitest";
import { LockConfigurationError } from "../../src/errors.ts";
import { checkKey, checkKeyPrefix, checkKeys, checkTrace } from "../../src/key.ts";
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
  ["with @", "a@b"],
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
