import { LockConfigurationError } from "./errors.ts";
import { MAX_MS } from "./runtime.ts";

/** The shortest TTL: anything less may not outlast one round trip over the internet. */
export const MIN_TTL_MS = 100;

/** Formats an invalid value for an error message: short, and quoted if it is a string. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? `an array of ${value.length}` : "an object";
  }
  return typeof value === "function" ? "a function" : String(value);
}

/** @throws LockConfigurationError unless `value` is an integer from `min` to `max`. */
export function checkInteger(
  option: string,
  value: unknown,
  min: number,
  max: number = MAX_MS,
): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new LockConfigurationError(
      option,
      `must be an integer from ${min} to ${max}, but is ${show(value)}`,
    );
  }
  return value;
}

/** @throws LockConfigurationError unless `value` is a number above `min` and up to `max`. */
export function checkNumber(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw new LockConfigurationError(
      option,
      `must be a number from ${min} to ${max}, but is ${show(value)}`,
    );
  }
  return value;
}

/** @throws LockConfigurationError unless `value` has the given type. */
export function checkType(
  option: string,
  value: unknown,
  type: "boolean" | "function" | "string" | "object",
): void {
  if (typeof value !== type || value === null) {
    throw new LockConfigurationError(option, `must be a ${type}, but is ${show(value)}`);
  }
}

/** @throws LockConfigurationError unless `value` is one of those allowed. */
export function checkOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const list = allowed.map(show).join(", ");
  throw new LockConfigurationError(option, `must be one of ${list}, but is ${show(value)}`);
}

/** @throws LockConfigurationError unless `value` is an AbortSignal (of any realm). */
export function checkSignal(option: string, value: unknown): void {
  const isMethod = (name: string): boolean =>
    typeof Reflect.get(Object(value), name) === "function";
  const isTarget = isMethod("addEventListener") && isMethod("removeEventListener");
  if (isTarget && "aborted" in Object(value)) return;
  throw new LockConfigurationError(option, `must be an AbortSignal, but is ${show(value)}`);
}

/** A TTL in ms. @throws LockConfigurationError */
export function checkTtl(option: string, value: unknown, max: number): number {
  return checkInteger(option, value, MIN_TTL_MS, max);
}

/** The names of the options of a type, which the compiler keeps complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * @param what whose options they are, and `name` what they are called, for the message
 * @throws LockConfigurationError unless `options` is an object, and each of its names is known
 */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  known: OptionNames<Options>,
  name = "options",
): void {
  checkType(name, options, "object");
  const names = Object.keys(known);
  const unknown = Object.keys(options).find((option) => !names.includes(option));
  if (unknown === undefined) return;
  const likely = nearest(unknown, names);
  const hint = likely === undefined ? ", which takes" : `; did you mean ${show(likely)}? It takes`;
  throw new LockConfigurationError(
    unknown === "" ? name : unknown,
    `is not an option of ${what}${hint} ${names.join(", ")}`,
  );
}

/** The most similar name: one that begins alike, or the one with the fewest edits, less than half of it. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const cost = (known: string): number => {
    const beginsAlike = name.length > 1 && (known.startsWith(name) || name.startsWith(known));
    return beginsAlike ? 0 : edits(name, known) / Math.max(name.length, known.length);
  };
  const [best = ""] = names.toSorted((one, other) => cost(one) - cost(other));
  return cost(best) < 0.5 ? best : undefined;
}

/** Levenshtein's distance, of names in any case. */
function edits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 0; at < from.length; at += 1) {
    const next = [at + 1];
    for (let other = 0; other < to.length; other += 1) {
      const isSame = from[at]?.toLowerCase() === to[other]?.toLowerCase();
      const replaced = (row[other] ?? 0) + (isSame ? 0 : 1);
      next.push(Math.min(replaced, (row[other + 1] ?? 0) + 1, (next[other] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
