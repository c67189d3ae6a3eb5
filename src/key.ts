import { show } from "./check.ts";
import { LockConfigurationError } from "./errors.ts";

const MAX_KEY_BYTES = 1_000;
const MAX_TRACE_BYTES = 256;
/** One script does the work of all keys while Redis serves nobody else. */
const MAX_KEYS = 100;

/** The key or keys of one acquisition, at most 100, as a list. @throws LockConfigurationError */
export function checkKeys(keys: unknown): readonly [string, ...string[]] {
  if (!Array.isArray(keys)) return [checkKey(keys)];
  if (keys.length === 0) throw new LockConfigurationError("key", "the list of keys is empty");
  if (keys.length > MAX_KEYS) {
    const message = `at most ${MAX_KEYS} keys fit into one call, but there are ${keys.length}`;
    throw new LockConfigurationError("key", message);
  }
  const [first, ...rest] = keys as readonly unknown[];
  const checked: [string, ...string[]] = [checkKey(first), ...rest.map(checkKey)];
  const seen = new Set<string>();
  const twice = checked.find((key) => seen.size === seen.add(key).size);
  if (twice !== undefined) {
    throw new LockConfigurationError("key", `${show(twice)} is listed twice`);
  }
  return checked;
}

/** What the locks of jobs are called: see `LockService.once`. */
export const JOB_LOCK_PREFIX = "once:";

/** The key or keys of a lock that is no job's. @throws LockConfigurationError */
export function checkLockKeys(keys: unknown): readonly [string, ...string[]] {
  const checked = checkKeys(keys);
  const job = checked.find((key) => key.startsWith(JOB_LOCK_PREFIX));
  if (job === undefined) return checked;
  throw new LockConfigurationError(
    "key",
    `must not begin with "${JOB_LOCK_PREFIX}", the name of the locks of jobs, but is ${show(job)}`,
  );
}

/** @throws LockConfigurationError unless `key` is 1 to 1,000 bytes of well-formed text without NUL and U+FFFD. */
export function checkKey(key: unknown): string {
  return checkText("key", key, 1, MAX_KEY_BYTES);
}

/** @throws LockConfigurationError */
export function checkKeyPrefix(prefix: unknown): string {
  return checkText("keyPrefix", prefix, 0, MAX_KEY_BYTES);
}

/** @throws LockConfigurationError unless `trace` is up to 256 bytes of text of which keys could be made. */
export function checkTrace(trace: unknown): string {
  return checkText("trace", trace, 0, MAX_TRACE_BYTES);
}

/** A trace from text that nobody has checked: cut to 256 bytes, `?` for what a trace must not contain. */
export function fitTrace(text: string): string {
  const lawful = text.replaceAll(/[\0\uFFFD\p{Surrogate}]/gu, "?");
  // It stops before a character that does not fit as a whole.
  const { read } = new TextEncoder().encodeInto(lawful, new Uint8Array(MAX_TRACE_BYTES));
  return lawful.slice(0, read);
}

export function checkText(option: string, value: unknown, min: number, max: number): string {
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
