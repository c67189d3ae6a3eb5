import { show } from "./check.ts";
import { LockConfigurationError } from "./errors.ts";

const MAX_KEY_BYTES = 1_000;
const MAX_TRACE_BYTES = 256;

/** The key or keys of one acquisition, as a list. @throws LockConfigurationError */
export function checkKeys(keys: unknown): readonly [string, ...string[]] {
  if (!Array.isArray(keys)) return [checkKey(keys)];
  const [first, ...rest] = keys as readonly unknown[];
  if (keys.length === 0) throw new LockConfigurationError("key", "the list of keys is empty");
  const checked: [string, ...string[]] = [checkKey(first), ...rest.map(checkKey)];
  const twice = checked.find((key, index) => checked.indexOf(key) !== index);
  if (twice !== undefined) {
    throw new LockConfigurationError("key", `${show(twice)} is listed twice`);
  }
  return checked;
}

/** @throws LockConfigurationError unless `key` is 1 to 1,000 bytes of well-formed text without NUL and U+FFFD. */
export function checkKey(key: unknown): string {
  return checkText("key", key, 1, MAX_KEY_BYTES);
}

/** @throws LockConfigurationError */
export function checkKeyPrefix(prefix: unknown): string {
  return checkText("keyPrefix", prefix, 0, MAX_KEY_BYTES);
}

/**
 * The trace follows the last `@` of an owner hash, so it must not contain one.
 *
 * @throws LockConfigurationError
 */
export function checkTrace(trace: unknown): string {
  const text = checkText("trace", trace, 0, MAX_TRACE_BYTES);
  if (text.includes("@")) {
    throw new LockConfigurationError("trace", `must not contain "@", but is ${show(text)}`);
  }
  return text;
}

function checkText(option: string, value: unknown, min: number, max: number): string {
  if (typeof value !== "string") {
    throw new LockConfigurationError(option, `must be a string, but is ${show(value)}`);
  }
  if (value.includes("\0")) {
    throw new LockConfigurationError(option, `must not contain NUL, but is ${show(value)}`);
  }
  // It replaces bytes that were not valid UTF-8: the owner of a record that contains it is unknowable.
  if (value.includes("\uFFFD")) {
    throw new LockConfigurationError(option, `must not contain U+FFFD, but is ${show(value)}`);
  }
  // `String.prototype.isWellFormed` is ES2024, which some runtimes lack.
  if (/\p{Surrogate}/u.test(value)) {
    throw new LockConfigurationError(
      option,
      `must be well-formed Unicode, but has a lone surrogate: ${show(value)}`,
    );
  }
  const bytes = new TextEncoder().encode(value).length;
  if (bytes < min || bytes > max) {
    throw new LockConfigurationError(
      option,
      `must be ${min} to ${max} bytes, but ${show(value)} has ${bytes}`,
    );
  }
  return value;
}
