import { checkInteger, checkNumber, checkOptions, checkType, type OptionNames } from "./check.ts";
import { classifyFailure } from "./errors.ts";
import { systemRuntime, type Runtime } from "./runtime.ts";

/** When to try again after a refusal. All times in milliseconds. */
export interface RetryOptions {
  /** Attempts after the first. @default 3 */
  readonly maxRetries?: number | undefined;
  /** Delay before the first retry. @default 100 */
  readonly initialDelay?: number | undefined;
  /** Upper bound of a delay, and so of a pause beside a lock that has become free. @default 400 */
  readonly maxDelay?: number | undefined;
  /** Factor from one delay to the next. @default 2 */
  readonly multiplier?: number | undefined;
  /** Shortens each delay by a random amount of up to half, so that waiters spread out. @default true */
  readonly jitter?: boolean | undefined;
}

const RETRY_OPTIONS: OptionNames<RetryOptions> = {
  maxRetries: true,
  initialDelay: true,
  maxDelay: true,
  multiplier: true,
  jitter: true,
};

/** How the pauses between attempts grow, in ms. */
export interface Backoff {
  readonly initialDelay: number;
  readonly maxDelay: number;
  readonly multiplier: number;
  readonly jitter: boolean;
}

/** RetryOptions, checked and complete. */
export interface RetryPlan extends Backoff {
  readonly maxRetries: number;
}

export const DEFAULT_RETRY: RetryPlan = {
  maxRetries: 3,
  initialDelay: 100,
  maxDelay: 400,
  multiplier: 2,
  jitter: true,
};

/** Pauses between sends whose outcome is unknown: short at first, then easy on a struggling database. */
export const RESEND_PAUSES: Backoff = {
  initialDelay: 100,
  maxDelay: 3_000,
  multiplier: 2,
  jitter: true,
};

/**
 * Pauses between the releases that roll back a lock of `ttlMs`. They grow fast, and there are few within
 * the TTL: in an outage every call that fails sends them.
 */
export function compensationPauses(ttlMs: number): Backoff {
  return { initialDelay: ttlMs / 10, maxDelay: ttlMs / 3, multiplier: 3, jitter: true };
}

/** Delay in ms before retry number `retry` (0 for the first). */
export function backoffDelay(
  { initialDelay, maxDelay, multiplier, jitter }: Backoff,
  retry: number,
  runtime: Pick<Runtime, "random">,
): number {
  const delay = Math.min(initialDelay * multiplier ** retry, maxDelay);
  return jitter ? delay * (1 - runtime.random() / 2) : delay;
}

/**
 * `Retry-After` for a held lock, in seconds: a random time between a tenth and a fifth of what the
 * lock has left, at least 1. A holder that works keeps renewing it, so that what is left says how long
 * a dead one would block the key, and nothing about when the work ends. Random, so that those who were
 * refused together do not return together.
 */
export function retryAfter(
  remainingMs: number | null,
  runtime: Pick<Runtime, "random"> = systemRuntime,
): string {
  return String(Math.max(1, Math.ceil(((remainingMs ?? 0) * (1 + runtime.random())) / 10_000)));
}

/** @throws LockConfigurationError naming the option */
export function resolveRetry(options: RetryOptions | undefined, defaults: RetryPlan): RetryPlan {
  if (options === undefined) return defaults;
  checkOptions("retry", options, RETRY_OPTIONS, "retry");
  const {
    maxRetries = defaults.maxRetries,
    initialDelay = defaults.initialDelay,
    maxDelay = defaults.maxDelay,
    multiplier = defaults.multiplier,
    jitter = defaults.jitter,
  } = options;
  checkType("retry.jitter", jitter, "boolean");
  return {
    maxRetries: checkInteger("retry.maxRetries", maxRetries, 0),
    initialDelay: checkInteger("retry.initialDelay", initialDelay, 1),
    maxDelay: checkInteger("retry.maxDelay", maxDelay, 1),
    multiplier: checkNumber("retry.multiplier", multiplier, 1, 100),
    jitter,
  };
}

/** Sends a command that is safe to repeat once more after a transient error. */
export async function sendTwice<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!classifyFailure(error).retriable) throw error;
    return send();
  }
}
