import { LockConfigurationError, failureOf } from "../errors.ts";
import { GivingBack, type GiveBackOutcome } from "./release.ts";
import { Holding, type HoldingOptions, type Span } from "./lease.ts";
import type { LeaseContext } from "./context.ts";
import { Renewals } from "./renewals.ts";
import { surelyElapsed, type Instant } from "../runtime.ts";

/** Sends a caller of release or extend waits for. */
export const CALLER_SENDS = 2;

/**
 * The locks one request holds. It renews them, all in one command, for as long as the platform lets
 * the request live (`waitUntil`), notices their loss, and gives them back.
 */
export class Lease {
  readonly context: LeaseContext;
  /** What is held, each with the switch that ends its watch. */
  readonly #held: Map<Holding, AbortController> = new Map();
  readonly #givingBack: WeakMap<Holding, GivingBack> = new WeakMap();
  readonly #renewals: Renewals;

  constructor(context: LeaseContext) {
    this.context = context;
    this.#renewals = new Renewals(context, () => [...this.#held.keys()]);
  }

  /**
   * Hands `waitUntil` a promise, to be called before the first byte is sent: from here on the
   * platform lets the request finish its lock's life even when the client hangs up. The returned
   * function settles it; it never rejects.
   *
   * @throws LockConfigurationError when waitUntil throws, as outside of a request
   */
  pledge(): () => void {
    let settle = (): void => {};
    const { waitUntil } = this.context;
    if (waitUntil === undefined) return settle;
    const pledge = new Promise<void>((resolve) => {
      settle = resolve;
    });
    try {
      waitUntil(pledge);
    } catch (cause) {
      throw new LockConfigurationError(
        "waitUntil",
        "threw; pass it bound to its context and call it inside a request, e.g. (p) => ctx.waitUntil(p)",
        cause,
      );
    }
    return settle;
  }

  /** Takes charge of what was acquired, until its release. `settle` ends the pledge made for it. */
  hold(options: HoldingOptions, settle: () => void): Holding {
    const { runtime, emit } = this.context;
    const holding = new Holding(options, runtime, (error) => {
      emit({ type: "lost", keys: holding.keys, error });
      this.#renewals.reschedule();
    });
    const end = new AbortController();
    this.#held.set(holding, end);
    void this.#watch(holding, end.signal).finally(settle);
    this.#renewals.reschedule();
    return holding;
  }

  /** Whether a key is held, and not being given back. */
  holds(key: string): boolean {
    return [...this.#held.keys()].some((holding) => {
      return holding.keys.includes(key) && !holding.isReleasing && holding.lost === undefined;
    });
  }

  /** Lets a holding end with its TTL. */
  stopRenewing(holding: Holding): void {
    holding.isRenewing = false;
    this.#renewals.reschedule();
  }

  /**
   * Gives a holding back; safe to call again, also at the same time. Two sends without an answer
   * reject with LockReleaseUnknownError, while the background goes on.
   */
  async release(holding: Holding): Promise<GiveBackOutcome> {
    const givingBack = this.#givingBack.get(holding) ?? this.#giveBack(holding);
    return givingBack.outcomeWithin(CALLER_SENDS);
  }

  /** Lets go of a holding without a release: it is believed in no more, and ends with its TTL. */
  abandon(holding: Holding, why: string): void {
    holding.lose(why);
    this.#held.get(holding)?.abort();
    this.#held.delete(holding);
    this.stopRenewing(holding);
  }

  /**
   * Asks Redis to keep a holding for at least `span` from now; up to two sends. Resolves with when
   * the one left that was answered.
   */
  async prolong(holding: Holding, span: Span): Promise<Instant> {
    const { runtime } = this.context;
    for (let sends = 1; ; sends += 1) {
      const since = runtime.now();
      try {
        await this.#renewals.renew([[holding, span]], since);
        return since;
      } catch (error) {
        const isOver = sends === CALLER_SENDS || holding.lost !== undefined;
        if (isOver || !failureOf(error).retriable) throw error;
      }
    }
  }

  #giveBack(holding: Holding): GivingBack {
    const { emit, runtime, waitUntil } = this.context;
    const { claims, fence, keys } = holding;
    const wasLost = holding.lost !== undefined;
    holding.startRelease();
    this.#renewals.reschedule();
    const request = { claims, fence };
    const givingBack = new GivingBack(this.context, keys, request, holding.longestMs);
    this.#givingBack.set(holding, givingBack);
    void givingBack.ended.then((outcome) => {
      // Refused for good: the next call may try again, for as long as the lock can last.
      if (outcome === undefined) {
        this.#givingBack.delete(holding);
        const watch = this.#held.get(holding);
        if (waitUntil === undefined || watch === undefined) return;
        void runtime.sleep(holding.longestMs, watch.signal).then(() => watch.abort());
        return;
      }
      if (outcome.status === "SUCCESS" || (outcome.status === "EXPIRED" && !wasLost)) {
        emit({ type: "released", keys, heldMs: holding.heldMs(runtime.now()) });
      }
      this.#held.get(holding)?.abort();
      this.#held.delete(holding);
    });
    return givingBack;
  }

  /** Ends with the release, or where nobody releases, once nothing of the holding can be left. */
  async #watch(holding: Holding, end: AbortSignal): Promise<void> {
    const { runtime, waitUntil } = this.context;
    while (!end.aborted && !holding.isReleasing && holding.lost === undefined) {
      const leftMs = holding.validity.remaining(runtime.now());
      await runtime.sleep(Math.max(leftMs, 1), end);
    }
    if (waitUntil === undefined) return;
    // The request may still be at work, and its `finally` is to run although the client has left.
    const { maxHoldMs } = holding.renewal;
    const heldMs = surelyElapsed(holding.since, runtime.now());
    const lifeMs = (Number.isFinite(maxHoldMs) ? maxHoldMs : heldMs) + holding.longestMs;
    while (!end.aborted) {
      const leftMs = lifeMs - surelyElapsed(holding.since, runtime.now());
      const isGivingBack = this.#givingBack.has(holding);
      if (leftMs <= 0 && !isGivingBack) return;
      // A release under way ends the watch, also when it was refused for good and the lock is over.
      await runtime.sleep(Math.max(leftMs, isGivingBack ? holding.longestMs : 1), end);
    }
  }
}
