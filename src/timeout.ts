import type { Runtime } from "./runtime.ts";

/** How a bounded wait ended. */
export type Bounded<T> =
  | { readonly ended: "done"; readonly value: T }
  | { readonly ended: "failed"; readonly error: unknown }
  | { readonly ended: "late" }
  | { readonly ended: "aborted" };

/**
 * Waits for `promise`, but no longer than `ms` and not past an abort of `signal`. Never rejects,
 * and a result that comes too late is dropped in silence; the timer goes with the wait.
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
  const timer = linkSignals([signal]);
  const cut = runtime
    .sleep(ms, timer.signal)
    .then((): Bounded<T> => ({ ended: signal?.aborted ? "aborted" : "late" }));
  try {
    return await Promise.race([settled, cut]);
  } finally {
    timer.abort();
  }
}

/** A signal that aborts with the first of several, and can be let go of. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Aborts the signal, and removes its listeners from the others. */
  abort(): void;
}

/**
 * Joins signals into one. Unlike with `AbortSignal.any`, nothing stays attached to a long-lived
 * source once `abort()` was called.
 */
export function linkSignals(sources: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const controller = new AbortController();
  const abort = (): void => {
    for (const source of sources) source?.removeEventListener("abort", abort);
    controller.abort(sources.find((source) => source?.aborted)?.reason);
  };
  for (const source of sources) source?.addEventListener("abort", abort);
  if (sources.some((source) => source?.aborted)) abort();
  return { signal: controller.signal, abort };
}
