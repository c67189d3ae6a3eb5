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

/** @throws LockConfigurationError unless `value` is an AbortSignal (of any realm). */
export function checkSignal(option: string, value: unknown): void {
  const signal = typeof value === "object" && value !== null;
  if (!signal || !("aborted" in value) || !("addEventListener" in value)) {
    throw new LockConfigurationError(option, `must be an AbortSignal, but is ${show(value)}`);
  }
}

/** A TTL in ms. @throws LockConfigurationError */
export function checkTtl(option: string, value: unknown, max: number): number {
  return checkInteger(option, value, MIN_TTL_MS, max);
}
