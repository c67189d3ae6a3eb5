/** A moment on both clocks of the machine, in milliseconds. */
export interface Instant {
  /** `Date.now()`: may jump, and stands still between I/O on Cloudflare Workers. */
  readonly wall: number;
  /** `performance.now()`: never jumps, but may stop while the machine is suspended. */
  readonly monotonic: number;
}

export interface SleepOptions {
  readonly inBackground?: boolean;
}

/** For renewals: a forgotten lock must not keep a process alive; waiting for one, and releasing it, do. */
export const IN_BACKGROUND: SleepOptions = { inBackground: true };

/** Everything the library needs of the platform: clock, timers, randomness. */
export interface Runtime {
  now(): Instant;
  /**
   * Resolves after `ms`, or at once when `signal` aborts; leaves no timer and no listener. In the
   * background, it does not keep a process alive.
   */
  sleep(ms: number, signal?: AbortSignal, options?: SleepOptions): Promise<void>;
  /** A number in [0, 1), for jitter only. */
  random(): number;
  /** `digits.digits` with 128 random bits: makes each acquisition unique. */
  randomId(): string;
}

/**
 * The longest time that Redis and the timers of every platform support: 2³¹−1 ms, about 24.8 days. A
 * timer with a longer delay would fire at once.
 */
export const MAX_MS: number = 2 ** 31 - 1;

/** The platform's own clock, timers and crypto: works in Node, workerd, browsers, Bun and Deno. */
export const systemRuntime: Runtime = {
  now: () => ({ wall: Date.now(), monotonic: performance.now() }),
  sleep: (ms, signal, { inBackground = false } = {}) =>
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
      const timer = setTimeout(wake, Math.min(Math.max(ms, 0), MAX_MS));
      if (inBackground) unref(timer);
      signal?.addEventListener("abort", wake);
    }),
  random: () => Math.random(),
  randomId: () => crypto.getRandomValues(new BigUint64Array(2)).join("."),
};

/** Node, Bun and Deno have timers that can be told not to keep the process alive. */
function unref(timer: unknown): void {
  const isObject = typeof timer === "object" && timer !== null;
  if (isObject && "unref" in timer && typeof timer.unref === "function") timer.unref();
}

/**
 * Milliseconds that have certainly passed, for what must not end too early: by the clock that never
 * jumps, and at worst stands still.
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

/**
 * Why a signal of our own aborts that only wakes a sleeper: without a reason, `abort()` builds a
 * DOMException with its stack, which took a quarter of the time of an uncontended lock.
 */
export const OVER = "over";

/** How a bounded wait ended. */
export type Bounded<T> =
  | { readonly ended: "done"; readonly value: T }
  | { readonly ended: "failed"; readonly error: unknown }
  | { readonly ended: "late" }
  | { readonly ended: "aborted" };

/**
 * The last part of a wait, in ms. The timers of a process that was busy, or frozen, fire before it
 * reads the answers that came meanwhile: timed by itself, this part lets it read them first.
 */
const LAST_LOOK_MS = 10;

/**
 * Waits for `promise`, but no longer than `ms` and not past an abort of `signal`. Never rejects;
 * a result that comes too late is ignored. Leaves neither timer nor listener.
 */
export async function bounded<T>(
  runtime: Runtime,
  promise: Promise<T>,
  ms: number,
  signal?: AbortSignal,
): Promise<Bounded<T>> {
  const settled = promise.then(
    (value): Bounded<T> => ({ ended: "done", value }),
    (error: unknown): Bounded<T> => ({ ended: "failed", error }),
  );
  const timer = new AbortController();
  const cut = (): void => timer.abort(OVER);
  if (signal?.aborted) cut();
  signal?.addEventListener("abort", cut);
  const lookMs = Math.min(ms, LAST_LOOK_MS);
  const over = runtime
    .sleep(ms - lookMs, timer.signal)
    .then(() => runtime.sleep(lookMs, timer.signal))
    .then((): Bounded<T> => ({ ended: signal?.aborted ? "aborted" : "late" }));
  try {
    return await Promise.race([settled, over]);
  } finally {
    signal?.removeEventListener("abort", cut);
    cut();
  }
}

/** A signal that aborts with the first of several, until it is detached. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts the signal, and removes its listeners from the others. */
  abort(): void;
}

/**
 * Combines signals into one. Unlike with `AbortSignal.any`, nothing stays attached to a long-lived
 * source once `abort()` has been called.
 */
export function linkSignals(sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const abort = (): void => {
    for (const source of sources) source?.removeEventListener("abort", abort);
    controller.abort(sources.find((source) => source?.aborted)?.reason ?? OVER);
  };
  for (const source of sources) source?.addEventListener("abort", abort);
  if (sources.some((source) => source?.aborted)) abort();
  return { signal: controller.signal, abort };
}
