import { MIN_RENEWAL_GAP_MS } from "../auto-renew.ts";
import { RESEND_PAUSES, backoffDelay } from "../retry.ts";
import type { Holding, Span } from "./lease.ts";
import type { LeaseContext } from "./context.ts";
import { elapsed, type Instant } from "../runtime.ts";
import { bounded } from "../timeout.ts";

/** A holding, and what to ask for it. */
type Asked = readonly [Holding, Span];

/** Renews the holdings of one lease, all in one command, for as long as there is one to renew. */
export class Renewals {
  readonly #context: LeaseContext;
  readonly #held: () => readonly Holding[];
  /** Interrupts the wait for the next renewal; undefined while none is needed. */
  #pause: AbortController | undefined;
  #lastTick: Instant | undefined;

  constructor(context: LeaseContext, held: () => readonly Holding[]) {
    this.#context = context;
    this.#held = held;
  }

  /** What is to be renewed has changed: looks again when the next renewal is due. */
  reschedule(): void {
    if (this.#pause === undefined) void this.#run();
    else this.#pause.abort();
  }

  /** A chain of pauses and renewals, for as long as something is to be renewed. */
  async #run(): Promise<void> {
    const { runtime } = this.#context;
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
    return this.#held().filter((holding) => holding.isRenewing);
  }

  #untilNextTick(renewing: readonly Holding[]): number {
    const { runtime } = this.#context;
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
    const { runtime, emit } = this.#context;
    const now = runtime.now();
    this.#lastTick = now;
    const asked: Asked[] = [];
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
    const renewal = this.renew(asked, now).catch((error: unknown) => {
      countFailure();
      emit({ type: "renewalFailed", keys: asked.flatMap(([holding]) => holding.keys), error });
      this.reschedule();
    });
    const sent = await bounded(runtime, renewal, patienceMs, interrupt);
    if (sent.ended === "late") countFailure();
  }

  /**
   * Asks for each holding's span in one command that leaves at `since`, and notes what it proves or
   * that the holding is lost. With both times 0 it only asks.
   *
   * @throws DatabaseError when there is no answer
   */
  async renew(asked: readonly Asked[], since: Instant): Promise<void> {
    const { database, runtime, emit } = this.#context;
    const requests = asked.map(([holding, span]) => holding.renewRequests(span, since));
    const outcomes = await database.renew(requests.flat());
    let next = 0;
    for (const [holding, { ttlMs, livenessMs }] of asked) {
      const own = outcomes.slice(next, (next += holding.claims.length));
      // What ends or has ended is not renewed any more, whatever Redis says.
      if (holding.lost !== undefined || holding.isReleasing) continue;
      if (own.length === holding.claims.length && own.every((outcome) => outcome === "SUCCESS")) {
        const now = runtime.now();
        holding.validity.prove(since, ttlMs, livenessMs, now);
        if (ttlMs === 0 && livenessMs === 0) continue;
        holding.failures = 0;
        emit({ type: "renewed", keys: holding.keys, expiresAt: holding.validity.expiresAt(now) });
      } else {
        holding.lose("Redis no longer has it under this token and fence");
      }
    }
  }
}
