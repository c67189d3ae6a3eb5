/** A moment on both clocks of the machine, in milliseconds. */
export interface Instant {
  /** `Date.now()`: may jump, and stands still between I/O on Cloudflare Workers. */
  readonly wall: number;
  /** `performance.now()`: never jumps, but may stop while the machine is suspended. */
  readonly monotonic: number;
}

/** Everything the library asks of the machine: clock, timers, randomness. */
export interface Runtime {
  now(): Instant;
  /** Resolves after `ms`, or at once when `signal` aborts; leaves no timer and no listener. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1), for jitter only. */
  random(): number;
  /** `digits.digits` with 128 random bits: what makes one acquisition unlike any other. */
  token(): string;
}

/** The longest delay a timer can keep; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The platform's own clock, timers and crypto: works in Node, workerd, browsers, Bun and Deno. */
export const systemRuntime: Runtime = {
  now: () => ({ wall: Date.now(), monotonic: performance.now() }),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
      signal?.addEventListener("abort", wake);
    }),
  random: () => Math.random(),
  token: () => crypto.getRandomValues(new BigUint64Array(2)).join("."),
};

/**
 * Milliseconds that have passed for certain, for whoever must not end too early: by the clock that
 * never jumps, and at most stands still.
 */
export function surelyElapsed(since: Instant, now: Instant): number {
  return Math.max(now.monotonic - since.monotonic, 0);
}

/**
 * Milliseconds between two instants: the larger of what the two clocks say, because one can be set
 * back and the other stops in suspend. Never negative.
 */
export function elapsed(since: Instant, now: Instant): number {
  return Math.max(now.wall - since.wall, now.monotonic - since.monotonic, 0);
}
