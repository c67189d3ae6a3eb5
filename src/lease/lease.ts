import type { RenewalPlan } from "../auto-renew.ts";
import type { Claims, LeaseTimes, ReleaseOutcome } from "../database/operations.ts";
import { LockLostError, classifyFailure } from "../errors.ts";
import { IN_BACKGROUND, OVER, elapsed, type Instant } from "../runtime.ts";
import type { LockIdentity } from "../lock-events.ts";
import type { LeaseContext } from "./context.ts";
import { Release, isOwnRelease, type ReleaseVerdict } from "./release.ts";
import { later, reliableMs, type Proof } from "./validity.ts";

/** Sends that a caller of release or extend waits for. */
export const CALLER_SENDS = 2;

/** What an acquisition was granted, and on which terms it is kept. */
export interface LeaseGrant {
  /** The user's keys, in the order of the claims. */
  readonly keys: readonly [string, ...string[]];
  readonly claims: Claims;
  readonly fence: number | undefined;
  /** What was requested: less than the terms near a deadline. */
  readonly times: LeaseTimes;
  /** When the request that won it was sent. */
  readonly since: Instant;
  readonly trace: string | undefined;
  readonly renewal: RenewalPlan;
  /** When the platform ends the invocation: nothing is requested beyond it. */
  readonly deadline: Date | undefined;
}

/** A lease, and what to request for it. */
export type Renewal = readonly [Lease, LeaseTimes];

/** What a lease needs of the session that keeps it alive. */
export interface LeaseKeeper {
  readonly context: LeaseContext;
  /** Renews in one command, sent at `since`; rejects when there is no answer. */
  renew(renewals: readonly Renewal[], since: Instant): Promise<void>;
  /** Whether it is to be renewed, or how soon, has changed. */
  reschedule(lease: Lease): void;
  /** The lease is over. */
  remove(lease: Lease): void;
}

/**
 * What one acquisition holds, and whether it can still be relied on: until the earlier of its lock TTL
 * and its liveness TTL, each counted from before the request that proved it was sent. (Counted from
 * the answer, it would outlast what Redis grants:
 * https://redis.io/docs/latest/develop/use/patterns/distributed-locks/)
 * Loss is final; it is noticed by the clock or reported by Redis, whichever comes first.
 */
export class Lease {
  readonly context: LeaseContext;
  readonly grant: LeaseGrant;
  readonly key: string;
  /** Names this acquisition, in Redis as well. */
  readonly token: string;
  /** What its events say of it. */
  readonly identity: LockIdentity;
  /** The longest time ever requested: once it has passed, Redis has forgotten the lease. */
  longestMs: number;
  isRenewing: boolean;
  /** When the last renewal was sent, or the acquisition. */
  sentAt: Instant;
  /** It has ended here, and is another's to go on with. */
  isDetached = false;
  /** Consecutive renewals without an answer. */
  failures = 0;
  /** Resolves when there is no loss left to notice. */
  watched: Promise<void> | undefined;
  /** Aborts with a LockLostError when it is noticed that the lease can no longer be relied on. */
  readonly signal: AbortSignal;
  /** Aborts when it has been released or abandoned. */
  readonly ended: AbortSignal;
  readonly #keeper: LeaseKeeper;
  readonly #loss: AbortController = new AbortController();
  readonly #end: AbortController = new AbortController();
  #lockProof: Proof;
  #livenessProof: Proof;
  #lost: LockLostError | undefined;
  #endIsWanted = false;
  #release: Release | undefined;

  constructor(keeper: LeaseKeeper, grant: LeaseGrant) {
    const { keys, claims, times, since, renewal } = grant;
    this.context = keeper.context;
    this.grant = grant;
    this.key = keys[0];
    this.token = claims[0].lockData.ownerHash;
    this.identity = { keys, token: this.token, trace: grant.trace };
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

  /** Redis granted `times` to a request sent at `since`. 0 ms: that expiry was left as it was. */
  confirm({ ttlMs, livenessMs }: LeaseTimes, since: Instant, now: Instant): void {
    this.#lockProof = later(this.#lockProof, { since, ms: ttlMs }, now);
    this.#livenessProof = later(this.#livenessProof, { since, ms: livenessMs }, now);
  }

  /** Looks at the clock first: in a paused request no timer may have fired. */
  checkLoss(): LockLostError | undefined {
    if (this.remainingMs(this.context.runtime.now()) <= 0) {
      this.lose("its time ran out before a renewal was confirmed");
    }
    return this.#lost;
  }

  /** Whether it can be relied on, and is not being released. By flag and clock, without I/O. */
  isHeld(): boolean {
    return this.checkLoss() === undefined && !this.#endIsWanted;
  }

  lose(why: string): void {
    if (this.#endIsWanted || this.#lost !== undefined) return;
    this.isRenewing = false;
    const error = new LockLostError(this.key, why);
    this.#lost = error;
    this.#loss.abort(error);
    if (!this.isDetached) this.context.emit({ type: "lost", ...this.identity, error });
    this.#keeper.reschedule(this);
  }

  /** Notices when its time runs out. */
  async watch(): Promise<void> {
    const { runtime } = this.context;
    while (!this.ended.aborted && this.isHeld()) {
      const leftMs = Math.max(this.remainingMs(runtime.now()), 1);
      await runtime.sleep(leftMs, this.ended, IN_BACKGROUND);
    }
  }

  /** Ms since the acquisition was sent. */
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
    this.#keeper.reschedule(this);
  }

  /**
   * Asks Redis to keep it for at least `times` from now (0 ms: only asks), in up to two sends. Resolves
   * with the time of the send that was answered; `isHeld` then says whether it is still held.
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
   * Releases it; safe to call again, even concurrently.
   *
   * @throws LockReleaseUnknownError after two sends without an answer; it is retried in the background
   */
  async release(): Promise<ReleaseVerdict> {
    const { claims, fence } = this.grant;
    return this.releaseBy(() => this.context.database.release({ claims, fence }));
  }

  /** Releases it by another command; when it is being released already, by that one. */
  releaseBy(send: () => Promise<ReleaseOutcome>): Promise<ReleaseVerdict> {
    this.#release ??= this.#startRelease(send);
    return this.#release.verdictWithin(CALLER_SENDS);
  }

  #startRelease(send: () => Promise<ReleaseOutcome>): Release {
    const { context, identity: lock, longestMs } = this;
    const wasLost = this.checkLoss() !== undefined;
    // From here on it is meant to end: nothing is renewed, and an expiry is no loss.
    this.#endIsWanted = true;
    this.stopRenewing();
    const release = new Release(context, { lock, send, longestMs, wasLost });
    void release.verdict.then((verdict) => this.#released(verdict));
    return release;
  }

  #released(verdict: ReleaseVerdict | undefined): void {
    const { runtime, waitUntil, emit } = this.context;
    if (verdict !== undefined) {
      const heldMs = this.heldMs(runtime.now());
      if (isOwnRelease(verdict)) emit({ type: "released", ...this.identity, heldMs });
      this.#finish();
      return;
    }
    // Refused permanently: the next call may try again, for as long as the lock can last.
    this.#release = undefined;
    if (waitUntil === undefined) return;
    void runtime.sleep(this.longestMs, this.ended, IN_BACKGROUND).then(() => this.#end.abort(OVER));
  }

  /** Ends it without a release: it is no longer relied on, and its lock expires with its TTL. */
  abandon(why: string): void {
    if (this.#endIsWanted) return; // A release under way goes on.
    this.lose(why);
    this.stopRenewing();
    this.#finish();
  }

  /** Ends it here, for another process to attach. */
  detach(): void {
    this.isDetached = true;
    this.abandon("it was detached, for attach() to take over");
    const heldMs = this.heldMs(this.context.runtime.now());
    this.context.emit({ type: "detached", ...this.identity, heldMs });
  }

  #finish(): void {
    this.#end.abort(OVER);
    this.#keeper.remove(this);
  }
}
