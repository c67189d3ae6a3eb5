import type { Runtime } from "./runtime.ts";

/** When to try again after a refusal. All times in milliseconds. */
export interface RetryOptions {
  /** Attempts after the first. @default 3 */
  readonly maxRetries?: number;
  /** Delay before the first retry. @default 100 */
  readonly initialDelay?: number;
  /** No delay is longer. @default 3_000 */
  readonly maxDelay?: number;
  /** Each delay is this many times the one before. @default 2 */
  readonly multiplier?: number;
  /** Shortens each delay by a random part of up to a half, so that waiters do not march in step. @default true */
  readonly jitter?: boolean;
}

/** Delay in ms before retry number `retry` (0 for the first). */
export function backoffDelay(
  options: Required<RetryOptions>,
  retry: number,
  runtime: Pick<Runtime, "random">,
): number {
  const delay = Math.min(options.initialDelay * options.multiplier ** retry, options.maxDelay);
  return options.jitter ? delay * (1 - runtime.random() / 2) : delay;
}
