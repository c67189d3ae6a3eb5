import { backoffDelay } from "./backoff.ts";
import type { Database } from "./database.ts";
import { LockConfigurationError, failureOf } from "./errors.ts";
import { GivingBack, RESEND_PAUSES, type GiveBackOutcome } from "./give-back.ts";
import { Holding, type HoldingOptions, type Span } from "./holding.ts";
import type { LockEvent } from "./lock-events.ts";
import { elapsed, type Instant, type Runtime } from "./runtime.ts";
import { bounded } from "./wait.ts";

/** Renewals leave no closer together, however short the TTL. */
export const MIN_RENEWAL_GAP_MS = 200;

/** Sends a caller of release or extend waits for. */
const CALLER_SENDS = 2;

export interface LeaseContext {
  readonly database: Database;
  readonly runtime: Runtime;
  readonly waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  /** Goes in front of the user's keys; errors and events name keys without it. */
  readonly keyPrefix: string;
  readonly emit: (event: LockEvent) => void;
}

/**
 * The locks one request holds. It renews them, all in one command, for as long as the platform lets
 * the request live (`waitUntil`), notices their loss, and gives them back.
 */
export class Lease {
  readonly context: LeaseContext;
  /** What is held, each with the switch that ends its watch. */
  readonly #held: Map<Holding, AbortController> = new Map();
  readonly #givingBack: WeakMap<Holding, GivingBack> = new WeakMap();
  /** Interrupts the pause between renewals; undefined while none is needed. */
  #pause: AbortController | undefined;
  #lastTick: Instant | undefined;

  constructor(context: LeaseContext) {
    this.context = context;
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
      this.reschedule();
    });
    const end = new AbortController();
    this.#held.set(holding, end);
    void this.#watch(holding, end.signal).finally(settle);
    if (this.#pause === undefined) void this.#renewals();
    else this.reschedule();
    return holding;
  }

  /** The set of locks to renew has changed: look again when the next renewal is due. */
  reschedule(): void {
    this.#pause?.abort();
  }

  /**
   * Gives a holding back; safe to call again, also at the same time. Two sends without an answer
   * reject with LockReleaseUnknownError, while the background goes on.
   */
  async release(holding: Holding): Promise<GiveBackOutcome> {
    const givingBack = this.#givingBack.get(holding) ?? this.#giveBack(holding);
    return givingBack.outcomeWithin(CALLER_SENDS);
  }

  /** Asks Redis to keep a holding for at least `span` from now; up to two sends. */
  async prolong(holding: Holding, span: Span): Promise<void> {
    const { runtime } = this.context;
    for (let sends = 1; ; sends += 1) {
      const since = runtime.now();
      try {
        await this.#renew([[holding, span]], since);
        return;
      } catch (error) {
        const isOver = sends === CALLER_SENDS || holding.lost !== undefined;
        if (isOver || !failureOf(error).retriable) throw error;
      }
    }
  }

  #giveBack(holding: Holding): GivingBack {
    const { emit, runtime } = this.context;
    const { claims, fence, keys } = holding;
    const wasLost = holding.lost !== undefined;
    holding.startRelease();
    this.reschedule();
    const request = { claims, fence };
    const givingBack = new GivingBack(this.context, holding.key, request, holding.longestMs);
    givingBack.failures.subscribe((error) => emit({ type: "releaseFailed", keys, error }));
    this.#givingBack.set(holding, givingBack);
    void givingBack.ended.then((outcome) => {
      // Refused for good: the next call may try again.
      if (outcome === undefined) this.#givingBack.delete(holding);
      if (outcome?.status === "SUCCESS" || (outcome?.status === "EXPIRED" && !wasLost)) {
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
    const heldMs = holding.heldMs(runtime.now());
    const longestLifeMs = (Number.isFinite(maxHoldMs) ? maxHoldMs : heldMs) + holding.longestMs;
    while (!end.aborted) {
      // A release under way ends by itself, and this watch with it.
      const lifeMs = holding.isReleasing ? Infinity : longestLifeMs;
      const leftMs = lifeMs - holding.heldMs(runtime.now());
      if (leftMs <= 0) return;
      await runtime.sleep(leftMs, end);
    }
  }

  /** A chain of pauses and renewals, for as long as something is to be renewed. */
  async #renewals(): Promise<void> {
    const { runtime } = this.context;
    for (;;) {
      const renewing = this.#renewing();
      if (renewing.length === 0) {
        this.#pause = undefined;
        return;
      }
      this.#pause = new AbortController();
      const { signal } = this.#pause;
      await runtime.sleep(this.#untilNextTick(renewing), signal);
      if (!signal.aborted) await this.#tick(signal);
    }
  }

  #renewing(): Holding[] {
    return [...this.#held.keys()].filter((holding) => holding.isRenewing);
  }

  #untilNextTick(renewing: readonly Holding[]): number {
    const { runtime } = this.context;
    const now = runtime.now();
    const sinceTick = this.#lastTick === undefined ? Infinity : elapsed(this.#lastTick, now);
    const due = renewing.map(({ sentAt, renewal, failures }) => {
      const retryMs = failures > 0 ? backoffDelay(RESEND_PAUSES, failures - 1, runtime) : Infinity;
      return Math.min(renewal.intervalMs, retryMs) - elapsed(sentAt, now);
    });
    return Math.max(Math.min(...due), MIN_RENEWAL_GAP_MS - sinceTick, 0);
  }

  /** Renews everything that is renewed, in one command, due already or not. */
  async #tick(interrupt: AbortSignal): Promise<void> {
    const { runtime, emit } = this.context;
    const now = runtime.now();
    this.#lastTick = now;
    const asked: (readonly [Holding, Span])[] = [];
    for (const holding of this.#renewing()) {
      const span = holding.renewalSpan(now);
      if (span === undefined) {
        holding.isRenewing = false;
      } else if (holding.heldMs(now) >= holding.renewal.maxHoldMs) {
        holding.isRenewing = false;
        emit({ type: "maxHold", keys: holding.keys });
      } else {
        asked.push([holding, span]);
      }
    }
    if (asked.length === 0) return;
    for (const [holding] of asked) holding.sentAt = now;
    // A renewal that hangs is overtaken by the next; its answer still counts, from when it left.
    const patienceMs = Math.min(...asked.map(([{ renewal }]) => renewal.intervalMs));
    const countFailure = (): void => {
      for (const [holding] of asked) holding.failures += 1;
    };
    const renewal = this.#renew(asked, now).catch((error: unknown) => {
      countFailure();
      emit({ type: "renewalFailed", keys: asked.flatMap(([holding]) => holding.keys), error });
      this.reschedule();
    });
    const patience = Math.max(patienceMs, MIN_RENEWAL_GAP_MS);
    const sent = await bounded(runtime, renewal, patience, interrupt);
    if (sent.ended === "late") countFailure();
  }

  async #renew(asked: readonly (readonly [Holding, Span])[], since: Instant): Promise<void> {
    const { database, runtime, emit } = this.context;
    const requests = asked.map(([holding, span]) => holding.renewRequests(span, since));
    const outcomes = await database.renew(requests.flat());
    let next = 0;
    for (const [holding, { ttlMs, livenessMs }] of asked) {
      const own = outcomes.slice(next, (next += holding.claims.length));
      // What ends or has ended is not renewed any more, whatever Redis says.
      if (holding.lost !== undefined || holding.isReleasing) continue;
      if (own.length === holding.claims.length && own.every((outcome) => outcome === "SUCCESS")) {
        const now = runtime.now();
        holding.failures = 0;
        holding.validity.prove(since, ttlMs, livenessMs, now);
        if (ttlMs === 0 && livenessMs === 0) continue;
        emit({ type: "renewed", keys: holding.keys, expiresAt: holding.validity.expiresAt(now) });
      } else {
        holding.lose("Redis no longer has it under this token and fence");
      }
    }
  }
}
