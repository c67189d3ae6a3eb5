import type { RenewalPlan } from "../auto-renew.ts";
import type { Claims, LeaseTimes, ReleaseOutcome } from "../database/operations.ts";
import { LockLostError, classifyFailure } from "../errors.ts";
import { elapsed, type Instant } from "../runtime.ts";
import type { LeaseContext } from "./context.ts";
import { Release, isOwnRelease, type ReleaseVerdict } from "./release.ts";

/** Sends that a caller of release or extend waits for. */
export const CALLER_SENDS = 2;

/** What an acquisition was granted, and on which terms it is kept. */
export interface LeaseGrant {
  /** The user's keys, in the order of the claims. */
  readonly keys: readonly [string, ...string[]];
  readonly claims: Claims;
  readonly fence: number | undefined;
  /** What was asked for: less than the terms near a deadline. */
  readonly times: LeaseTimes;
  /** When the request that won it left. */
  readonly since: Instant;
  readonly trace: string | undefined;
  readonly renewal: RenewalPlan;
  /** When the platform ends the invocation: nothing is asked for beyond. */
  readonly deadline: Date | undefined;
}

/** A lease, and what to ask Redis for it. */
export type Renewal = readonly [Lease, LeaseTimes];

/** What a lease needs of the session that keeps it alive. */
export interface LeaseKeeper {
  readonly context: LeaseContext;
  /** Renews in one command that leaves at `since`; rejects when there is no answer. */
  renew(renewals: readonly Renewal[], since: Instant): Promise<void>;
  /** What is to be renewed has changed. */
  reschedule(): void;
  /** The lease is over. */
  remove(lease: Lease): void;
}

/**
 * What one acquisition holds, and whether it can still be relied on: until the earlier of its lock TTL
 * and its liveness TTL, each counted from before the request that proved it left. (Counted from the
 * answer, it would outlast what Redis grants:
 * https://redis.io/docs/latest/develop/use/patterns/distributed-locks/)
 * Loss is final; it is noticed by the clock or told by Redis, whichever comes first.
 */
export class Lease {
  readonly context: LeaseContext;
  readonly grant: LeaseGrant;
  readonly key: string;
  /** Names this acquisition, in Redis as well. */
  readonly token: string;
  /** The longest time ever asked of Redis: it has forgotten the lease that long after. */
  longestMs: number;
  isRenewing: boolean;
  /** When the last renewal left, or the acquisition. */
  sentAt: Instant;
  /** Renewals in a row that have no answer. */
  failures = 0;
  /** Resolves when there is nothing more to notice. */
  watched: Promise<void> | undefined;
  /** Aborts with a LockLostError when it is noticed that the lease can no longer be relied on. */
  readonly signal: AbortSignal;
  /** Aborts when it was given back, or abandoned. */
  readonly ended: AbortSignal;
  readonly #keeper: LeaseKeeper;
  readonly #loss: AbortController = new AbortController();
  readonly #end: AbortController = new AbortController();
  #lockProof: Proof;
  #livenessProof: Proof;
  #lost: LockLostError | undefined;
  #isReleasing = false;
  #release: Release | undefined;

  constructor(keeper: LeaseKeeper, grant: LeaseGrant) {
    const { keys, claims, times, since, renewal } = grant;
    this.context = keeper.context;
    this.grant = grant;
    this.key = keys[0];
    this.token = claims[0].lockData.ownerHash;
    this.longestMs = Math.max(times.ttlMs, times.livenessMs);
    this.isRenewing = renewal.enabled;
    this.sentAt = since;
    this.signal = this.#loss.signal;
    this.ended = this.#end.signal;
    this.#keeper = keeper;
    this.#lockProof = { since, ms: times.ttlMs };
    this.#livenessProof = { since, ms: times.livenessMs };
  }

  get isReleaseUnderWay(): boolean {
    return this.#release !== undefined;
  }

  /** Ms for which it can be relied on; 0 or less when that is over. */
  remainingMs(now: Instant): number {
    return Math.min(reliableMs(this.#lockProof, now), reliableMs(this.#livenessProof, now));
  }

  /** When Redis lets it go, on this machine's wall clock: never later than it really does. */
  expiresAt(now: Instant): Date {
    const left = [this.#lockProof, this.#livenessProof].map(
      ({ since, ms }) => ms - elapsed(since, now),
    );
    return new Date(now.wall + Math.min(...left));
  }

  /** Redis granted `times` to a request that left at `since`. 0 ms: that expiry was left as it was. */
  confirm({ ttlMs, livenessMs }: LeaseTimes, since: Instant, now: Instant): void {
    this.#lockProof = later(this.#lockProof, { since, ms: ttlMs }, now);
    this.#livenessProof = later(this.#livenessProof, { since, ms: livenessMs }, now);
  }

  /** Looks at the clock first: a paused request learns here what its timers had no chance to say. */
  checkLoss(): LockLostError | undefined {
    if (this.remainingMs(this.context.runtime.now()) <= 0) {
      this.lose("its time ran out before a renewal was confirmed");
    }
    return this.#lost;
  }

  /** Whether it can be relied on, and is not being given back. By flag and clock, without I/O. */
  isHeld(): boolean {
    return this.checkLoss() === undefined && !this.#isReleasing;
  }

  lose(why: string): void {
    if (this.#isReleasing || this.#lost !== undefined) return;
    this.isRenewing = false;
    const error = new LockLostError(this.key, why);
    this.#lost = error;
    this.#loss.abort(error);
    this.context.emit({ type: "lost", keys: this.grant.keys, error });
    this.#keeper.reschedule();
  }

  /** Notices when its time runs out. */
  async watch(): Promise<void> {
    const { runtime } = this.context;
    while (!this.ended.aborted && this.isHeld()) {
      await runtime.sleep(Math.max(this.remainingMs(runtime.now()), 1), this.ended);
    }
  }

  /** Ms since the acquisition left. */
  heldMs(now: Instant): number {
    return elapsed(this.grant.since, now);
  }

  /** Ms until the platform ends the invocation. */
  beforeDeadline(now: Instant): number {
    const { deadline } = this.grant;
    return deadline === undefined ? Infinity : deadline.getTime() - now.wall;
  }

  stopRenewing(): void {
    this.isRenewing = false;
    this.#keeper.reschedule();
  }

  /**
   * Asks Redis to keep it for at least `times` from now (0 ms: only asks), in up to two sends. Resolves
   * with when the one left that was answered; whether it is still held, `isHeld` says then.
   *
   * @throws DatabaseError when there is no answer
   */
  async extend(times: LeaseTimes): Promise<Instant> {
    for (let sends = 1; ; sends += 1) {
      const since = this.context.runtime.now();
      try {
        await this.#keeper.renew([[this, times]], since);
        return since;
      } catch (error) {
        const isOver = sends === CALLER_SENDS || this.checkLoss() !== undefined;
        if (isOver || !classifyFailure(error).retriable) throw error;
      }
    }
  }

  /**
   * Gives it back; safe to call again, also at the same time.
   *
   * @throws LockReleaseUnknownError after two sends without an answer; the background goes on
   */
  async release(): Promise<ReleaseVerdict> {
    this.#release ??= this.#startRelease();
    return this.#release.verdictWithin(CALLER_SENDS);
  }

  #startRelease(): Release {
    const { context, longestMs } = this;
    const { keys, claims, fence } = this.grant;
    const wasLost = this.checkLoss() !== undefined;
    // From here on its end is wanted: nothing is renewed, and nothing that ends is a loss.
    this.#isReleasing = true;
    this.stopRenewing();
    const send = (): Promise<ReleaseOutcome> => context.database.release({ claims, fence });
    const release = new Release(context, { keys, send, longestMs, wasLost });
    void release.ended.then((verdict) => this.#released(verdict));
    return release;
  }

  #released(verdict: ReleaseVerdict | undefined): void {
    const { runtime, waitUntil, emit } = this.context;
    if (verdict !== undefined) {
      const heldMs = this.heldMs(runtime.now());
      if (isOwnRelease(verdict)) emit({ type: "released", keys: this.grant.keys, heldMs });
      this.#finish();
      return;
    }
    // Refused for good: the next call may try again, for as long as the lock can last.
    this.#release = undefined;
    if (waitUntil === undefined) return;
    void runtime.sleep(this.longestMs, this.ended).then(() => this.#end.abort());
  }

  /** Ends it without a release: it is relied on no more, and its lock ends with its TTL. */
  abandon(why: string): void {
    this.lose(why);
    this.stopRenewing();
    this.#finish();
  }

  #finish(): void {
    this.#end.abort();
    this.#keeper.remove(this);
  }
}

/** Redis was asked for `ms`, in a request sent no earlier than `since`, and granted it. */
export interface Proof {
  readonly since: Instant;
  readonly ms: number;
}

/** For how long what was granted can be relied on: clocks run apart, and a timer fires late. */
export function reliableMs({ since, ms }: Proof, now: Instant): number {
  return ms - Math.max(20, ms * 0.02) - elapsed(since, now);
}

function later(old: Proof, fresh: Proof, now: Instant): Proof {
  return reliableMs(fresh, now) > reliableMs(old, now) ? fresh : old;
}
