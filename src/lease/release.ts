import { RESEND_PAUSES, backoffDelay } from "../retry.ts";
import { MIN_GRACE_MS, type Database } from "../database/database.ts";
import type { ReleaseOutcome, ReleaseRequest } from "../database/operations.ts";
import { LockReleaseUnknownError, failureOf } from "../errors.ts";
import { Events } from "../events.ts";
import type { LeaseContext } from "./context.ts";
import { LockStatus } from "../database/lock-status.ts";
import { elapsed, surelyElapsed, type Instant } from "../runtime.ts";

/**
 * `EXPIRED`: no answer says who ended it, but it has ended. The time has passed after which Redis has
 * forgotten the lock; or it is gone, and a release without an answer may have been what removed it.
 */
export type GiveBackOutcome = ReleaseOutcome | { readonly status: "EXPIRED" };

/** What a release needs: of the database nothing but its release. */
type Context = Pick<LeaseContext, "runtime" | "emit"> & {
  readonly database: Pick<Database, "release" | "requestTimeout" | "capabilities">;
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
    const rememberedMs = database.capabilities.tombstones ? MIN_GRACE_MS : 0;
    let unansweredSince: Instant | undefined;
    for (let sends = 1; ; sends += 1) {
      const since = runtime.now();
      try {
        const outcome = await database.release(request);
        if (outcome.status === LockStatus.SUCCESS || outcome.isTaken) return outcome;
        const isRemembered =
          unansweredSince === undefined || elapsed(unansweredSince, runtime.now()) < rememberedMs;
        return isRemembered ? outcome : { status: "EXPIRED" };
      } catch (error) {
        emit({ type: "releaseFailed", keys: this.#keys, error });
        this.#failures.emit(error);
        const { applied, retriable } = failureOf(error);
        if (!retriable) return undefined;
        if (applied === "unknown") unansweredSince ??= since;
      }
      const leftMs = forgottenMs - surelyElapsed(started, runtime.now());
      if (leftMs <= 0) return { status: "EXPIRED" };
      const pauseMs = backoffDelay(RESEND_PAUSES, sends - 1, runtime);
      await runtime.sleep(Math.min(leftMs, pauseMs));
    }
  }
}
