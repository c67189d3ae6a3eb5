import type { RenewalPlan } from "../auto-renew.ts";
import { MIN_TTL_MS } from "../check.ts";
import type { Claim, RenewRequest } from "../database/operations.ts";
import { LockLostError } from "../errors.ts";
import { elapsed, type Instant, type Runtime } from "../runtime.ts";
import { Validity } from "./validity.ts";

export interface HoldingOptions {
  /** The user's keys, in the order of the claims. */
  readonly keys: readonly [string, ...string[]];
  readonly claims: readonly [Claim, ...Claim[]];
  readonly fence: number | undefined;
  /** What the acquisition asked for. */
  readonly ttlMs: number;
  readonly livenessMs: number;
  /** What each renewal asks for; 0 leaves the lock's own expiry alone. */
  readonly renewTtlMs: number;
  readonly renewal: RenewalPlan;
  /** When the platform ends the invocation: nothing is asked for beyond. */
  readonly deadline: Date | undefined;
  /** When the request that won it left. */
  readonly since: Instant;
}

/** Two times to ask Redis for, in ms. */
export interface Span {
  readonly ttlMs: number;
  readonly livenessMs: number;
}

/**
 * What one acquisition holds: its claims, and whether they may still be believed in. Loss is final;
 * it is noticed by the clock or told by Redis, whichever comes first.
 */
export class Holding {
  readonly validity: Validity;
  /** The longest time ever asked of Redis: it has forgotten the holding that long after. */
  longestMs: number;
  isRenewing: boolean;
  /** When the last renewal left, or the acquisition. */
  sentAt: Instant;
  /** Renewals in a row that have no answer. */
  failures = 0;
  readonly #options: HoldingOptions;
  readonly #runtime: Runtime;
  readonly #lost: AbortController = new AbortController();
  readonly #onLost: (error: LockLostError) => void;
  #isReleasing = false;

  constructor(options: HoldingOptions, runtime: Runtime, onLost: (error: LockLostError) => void) {
    this.#options = options;
    this.#runtime = runtime;
    this.#onLost = onLost;
    this.longestMs = Math.max(options.ttlMs, options.livenessMs);
    this.validity = new Validity(options.since, options.ttlMs, options.livenessMs);
    this.isRenewing = options.renewal.enabled;
    this.sentAt = options.since;
  }

  get claims(): readonly [Claim, ...Claim[]] {
    return this.#options.claims;
  }

  get fence(): number | undefined {
    return this.#options.fence;
  }

  get renewal(): RenewalPlan {
    return this.#options.renewal;
  }

  get since(): Instant {
    return this.#options.since;
  }

  get key(): string {
    return this.#options.keys[0];
  }

  get keys(): readonly [string, ...string[]] {
    return this.#options.keys;
  }

  get token(): string {
    return this.claims[0].lockData.ownerHash;
  }

  /** Aborts with a LockLostError the moment the holding may no longer be believed in. */
  get signal(): AbortSignal {
    this.look();
    return this.#lost.signal;
  }

  get lost(): LockLostError | undefined {
    this.look();
    const reason: unknown = this.#lost.signal.reason;
    return reason instanceof LockLostError ? reason : undefined;
  }

  get isReleasing(): boolean {
    return this.#isReleasing;
  }

  /** What a renewal leaving now asks for; undefined when the deadline leaves nothing to ask for. */
  renewalSpan(now: Instant): Span | undefined {
    const { renewTtlMs, livenessMs } = this.#options;
    const left = this.beforeDeadline(now);
    if (left < MIN_TTL_MS) return undefined;
    return { ttlMs: Math.min(renewTtlMs, left), livenessMs: Math.min(livenessMs, left) };
  }

  /** Ms until the platform ends the invocation. */
  beforeDeadline(now: Instant): number {
    const { deadline } = this.#options;
    return deadline === undefined ? Infinity : deadline.getTime() - now.wall;
  }

  /** Its claims as they are to be stored when `span` is asked for. */
  renewRequests(span: Span, now: Instant): readonly RenewRequest[] {
    this.longestMs = Math.max(this.longestMs, span.ttlMs, span.livenessMs);
    const extendedAt = new Date(now.wall).toISOString();
    // Where the record tells how long its liveness lasts, that grows with it.
    const isTold = this.#options.claims[0].lockData.livenessMs !== undefined;
    const liveness = isTold ? { livenessMs: this.longestMs } : {};
    return this.claims.map(({ key, lockData }) => ({
      key,
      lockData: { ...lockData, extendedAt, ...liveness },
      ...span,
    }));
  }

  /** Ms since the acquisition left. */
  heldMs(now: Instant): number {
    return elapsed(this.since, now);
  }

  /** From here on its end is wanted: nothing is renewed, and nothing that ends is a loss. */
  startRelease(): void {
    this.#isReleasing = true;
    this.isRenewing = false;
  }

  /** Looks at the clock: a paused request learns here what its timers had no chance to say. */
  look(): void {
    if (this.validity.remaining(this.#runtime.now()) <= 0) {
      this.lose("its time ran out before a renewal was confirmed");
    }
  }

  lose(why: string, cause?: unknown): void {
    if (this.#isReleasing || this.#lost.signal.aborted) return;
    this.isRenewing = false;
    const error = new LockLostError(this.key, why, { cause });
    this.#lost.abort(error);
    this.#onLost(error);
  }
}
