import { MIN_GRACE_MS, type ReleaseOutcome } from "../database/operations.ts";
import { LockReleaseUnknownError, classifyFailure } from "../errors.ts";
import { Emitter } from "../events.ts";
import type { LockIdentity } from "../lock-events.ts";
import { RESEND_PAUSES, backoffDelay, type Backoff } from "../retry.ts";
import { elapsed, surelyElapsed, type Instant } from "../runtime.ts";
import type { LeaseContext } from "./context.ts";

/**
 * `expired`: it has ended, and no answer says how. The time has passed after which Redis has forgotten
 * the lock; or it is gone, and an unanswered release may have been what removed it.
 */
export type ReleaseVerdict = ReleaseOutcome | { readonly status: "expired" };

/** What is released, and how. */
export interface ReleaseOptions {
  readonly lock: LockIdentity;
  /** Sends the release once; repeating it is harmless. */
  readonly send: () => Promise<ReleaseOutcome>;
  /** The longest TTL ever requested: once it has passed, nothing of the lock is left. */
  readonly longestMs: number;
  /** Whether it was lost before: then an expiry is no success, as another may have held it since. */
  readonly wasLost: boolean;
  /** @default RESEND_PAUSES */
  readonly pauses?: Backoff;
  /** Sends without an answer after which it gives up. @default Infinity */
  readonly maxUnanswered?: number;
}

/** Whether the lock was held until its release (R12). */
export function isOwnRelease({ status }: ReleaseVerdict): boolean {
  return status === "released" || status === "expired";
}

/**
 * A release under way. It goes on, whether or not anyone waits for it, until it is confirmed, refused
 * permanently, or the lock's time has passed; or until `maxUnanswered` sends had no answer.
 */
export class Release {
  /** How it ended; undefined when Redis refused permanently, or it gave up. Never rejects. */
  readonly verdict: Promise<ReleaseVerdict | undefined>;
  /** Emits for every send that was refused, or had no conclusive answer. */
  readonly #failures: Emitter<unknown> = new Emitter<unknown>();
  readonly #context: LeaseContext;
  readonly #options: ReleaseOptions;

  constructor(context: LeaseContext, options: ReleaseOptions) {
    this.#context = context;
    this.#options = options;
    this.verdict = this.#run();
  }

  /**
   * Waits for the verdict, but for no more than `maxSends` unanswered sends from now.
   *
   * @throws LockReleaseUnknownError
   */
  async verdictWithin(maxSends: number): Promise<ReleaseVerdict> {
    let sends = 0;
    let lastError: unknown;
    let stop = (): void => {};
    const gaveUp = new Promise<undefined>((resolve) => {
      stop = this.#failures.events.subscribe((error) => {
        lastError = error;
        sends += 1;
        if (sends === maxSends) resolve(undefined);
      });
    });
    const verdict = await Promise.race([this.verdict, gaveUp]).finally(stop);
    if (verdict === undefined)
      throw new LockReleaseUnknownError(this.#options.lock.keys[0], lastError);
    return verdict;
  }

  async #run(): Promise<ReleaseVerdict | undefined> {
    const { database, runtime } = this.#context;
    const { send, longestMs, pauses = RESEND_PAUSES, maxUnanswered = Infinity } = this.#options;
    const started = runtime.now();
    // A renewal may still be under way, and extend the lock until its own timeout.
    const forgottenMs = longestMs + database.requestTimeout;
    let unansweredSince: Instant | undefined;
    let unanswered = 0;
    for (let sends = 1; ; sends += 1) {
      const since = runtime.now();
      try {
        return this.#judge(await send(), unansweredSince);
      } catch (error) {
        this.#failed(error);
        const { applied, retriable } = classifyFailure(error);
        if (!retriable) return undefined;
        if (applied === "unknown") {
          unansweredSince ??= since;
          unanswered += 1;
        }
      }
      const leftMs = forgottenMs - surelyElapsed(started, runtime.now());
      if (leftMs <= 0) return this.#expired();
      if (unanswered >= maxUnanswered) return undefined;
      await runtime.sleep(Math.min(leftMs, backoffDelay(pauses, sends - 1, runtime)));
    }
  }

  /** A lock that is gone may have been removed by an unanswered send whose tombstone has expired. */
  #judge(outcome: ReleaseOutcome, unansweredSince: Instant | undefined): ReleaseVerdict {
    if (outcome.status === "released" || outcome.isTaken) return outcome;
    if (unansweredSince === undefined) return outcome;
    const { database, runtime } = this.#context;
    const rememberedMs = database.capabilities.tombstones ? MIN_GRACE_MS : 0;
    const isRemembered = elapsed(unansweredSince, runtime.now()) < rememberedMs;
    return isRemembered ? outcome : this.#expired();
  }

  #expired(): ReleaseVerdict {
    return this.#options.wasLost ? { status: "missing", lockData: null } : { status: "expired" };
  }

  #failed(error: unknown): void {
    this.#context.emit({ type: "releaseFailed", ...this.#options.lock, error });
    this.#failures.emit(error);
  }
}
