import { RESEND_PAUSES, backoffDelay } from "./backoff.ts";
import type { Database } from "./database.ts";
import type { ReleaseOutcome, ReleaseRequest } from "./lock-data.ts";
import { LockReleaseUnknownError, failureOf } from "./errors.ts";
import { Events } from "./events.ts";
import type { LeaseContext } from "./lease-context.ts";
import { surelyElapsed } from "./runtime.ts";

/** `EXPIRED`: no answer came, but the time has passed after which Redis has forgotten the lock. */
export type GiveBackOutcome = ReleaseOutcome | { readonly status: "EXPIRED" };

/** What a release needs: of the database nothing but its release. */
type Context = Pick<LeaseContext, "runtime" | "emit"> & {
  readonly database: Pick<Database, "release" | "requestTimeout">;
};

/**
 * A release under way. It goes on, whoever waits for it, until it is confirmed, refused for good,
 * or `longestMs`, the longest TTL ever asked for, has passed. Sending a release again is harmless.
 */
export class GivingBack {
  /** How it ended; undefined when Redis refused for good. Never rejects. */
  readonly ended: Promise<GiveBackOutcome | undefined>;
  /** Every send that was refused, or has no answer that counts. */
  readonly #failures: Events<unknown> = new Events<unknown>();
  readonly #keys: readonly [string, ...string[]];

  /** @param keys the user's names of the claims */
  constructor(
    context: Context,
    keys: readonly [string, ...string[]],
    request: ReleaseRequest,
    longestMs: number,
  ) {
    this.#keys = keys;
    this.ended = this.#run(context, request, longestMs);
  }

  /**
   * Waits for the outcome, but for no more than `maxSends` unanswered sends from now.
   *
   * @throws LockReleaseUnknownError
   */
  async outcomeWithin(maxSends: number): Promise<GiveBackOutcome> {
    let sends = 0;
    let lastError: unknown;
    let stop = (): void => {};
    const gaveUp = new Promise<undefined>((resolve) => {
      stop = this.#failures.subscribe((error) => {
        lastError = error;
        sends += 1;
        if (sends === maxSends) resolve(undefined);
      });
    });
    const outcome = await Promise.race([this.ended, gaveUp]).finally(stop);
    if (outcome === undefined) throw new LockReleaseUnknownError(this.#keys[0], lastError);
    return outcome;
  }

  async #run(
    { database, runtime, emit }: Context,
    request: ReleaseRequest,
    longestMs: number,
  ): Promise<GiveBackOutcome | undefined> {
    const started = runtime.now();
    // A renewal may still be under way, and lengthen the lock for as long as its timeout.
    const forgottenMs = longestMs + database.requestTimeout;
    for (let sends = 1; ; sends += 1) {
      try {
        return await database.release(request);
      } catch (error) {
        emit({ type: "releaseFailed", keys: this.#keys, error });
        this.#failures.emit(error);
        if (!failureOf(error).retriable) return undefined;
      }
      const leftMs = forgottenMs - surelyElapsed(started, runtime.now());
      if (leftMs <= 0) return { status: "EXPIRED" };
      const pauseMs = backoffDelay(RESEND_PAUSES, sends - 1, runtime);
      await runtime.sleep(Math.min(leftMs, pauseMs));
    }
  }
}
