import { MIN_RENEWAL_GAP_MS } from "../auto-renew.ts";
import { MIN_TTL_MS } from "../check.ts";
import type { LeaseTimes, RenewRequest } from "../database/operations.ts";
import { RESEND_PAUSES, backoffDelay } from "../retry.ts";
import { IN_BACKGROUND, OVER, bounded, elapsed, type Instant } from "../runtime.ts";
import type { LeaseContext } from "./context.ts";
import { Lease, type LeaseGrant, type LeaseKeeper, type Renewal } from "./lease.ts";
import { Pledge } from "./pledge.ts";

/** How long after the response a lock may be held unnoticed: Cloudflare ends all work after 30 s. */
const AFTER_RESPONSE_MS = 20_000;

/**
 * The leases of one request (compare etcd's sessions), renewed all together for as long as there is one
 * to renew and the platform lets the request live.
 */
export class Session implements LeaseKeeper {
  readonly context: LeaseContext;
  /** By key, until their release. */
  readonly #leases = new Map<string, Lease>();
  readonly #renewing = new Set<Lease>();
  /** Interrupts the wait for the next renewal; undefined while none is needed. */
  #pause: AbortController | undefined;
  /** When that wait ends, on the monotonic clock. */
  #wakeAt = Infinity;
  #lastTick: Instant | undefined;
  #respondedAt: Instant | undefined;

  constructor(context: LeaseContext) {
    this.context = context;
  }

  /**
   * Has the platform let the request finish what an acquisition begins; to be called before its first
   * byte is sent. Undefined where there is no `waitUntil`.
   *
   * @throws LockConfigurationError when waitUntil throws, as it does outside of a request
   */
  pledge(): Pledge | undefined {
    const { waitUntil, runtime } = this.context;
    return waitUntil === undefined ? undefined : new Pledge(waitUntil, runtime);
  }

  /** Keeps what was acquired, until its release. */
  hold(grant: LeaseGrant): Lease {
    const lease = new Lease(this, grant);
    for (const key of grant.keys) this.#leases.set(key, lease);
    lease.watched = lease.watch();
    this.reschedule(lease);
    if (this.#respondedAt !== undefined) void this.#warnAfterResponse(lease, this.#respondedAt);
    return lease;
  }

  /** Whether a key is held, and not being released. */
  holds(key: string): boolean {
    return this.#leases.get(key)?.isHeld() ?? false;
  }

  remove(lease: Lease): void {
    for (const key of lease.grant.keys) {
      if (this.#leases.get(key) === lease) this.#leases.delete(key);
    }
  }

  /** The response has been made. */
  responded(): void {
    if (this.#respondedAt !== undefined) return;
    this.#respondedAt = this.context.runtime.now();
    for (const lease of new Set(this.#leases.values())) {
      void this.#warnAfterResponse(lease, this.#respondedAt);
    }
  }

  async #warnAfterResponse(lease: Lease, since: Instant): Promise<void> {
    const { runtime, emit } = this.context;
    const leftMs = AFTER_RESPONSE_MS - elapsed(since, runtime.now());
    await runtime.sleep(leftMs, lease.ended, IN_BACKGROUND);
    if (!lease.isHeld()) return;
    const sinceResponseMs = elapsed(since, runtime.now());
    emit({ type: "heldAfterResponse", ...lease.identity, sinceResponseMs });
  }

  /** Recomputes when the next renewal is due, if this lease changes it: not for each of many held. */
  reschedule(lease: Lease): void {
    const { isRenewing } = lease;
    if (isRenewing) this.#renewing.add(lease);
    else this.#renewing.delete(lease);
    const isSooner = isRenewing && this.#dueAt(lease, this.context.runtime.now()) < this.#wakeAt;
    if (this.#pause === undefined) void this.#run();
    else if (isSooner || this.#renewing.size === 0) this.#pause.abort(OVER);
  }

  /** A chain of pauses and renewals; ends when there is nothing left to renew. */
  async #run(): Promise<void> {
    const { runtime } = this.context;
    while (this.#renewing.size > 0) {
      this.#pause = new AbortController();
      const { signal } = this.#pause;
      const now = runtime.now();
      const sinceTick = this.#lastTick === undefined ? Infinity : elapsed(this.#lastTick, now);
      let next: Lease | undefined;
      this.#wakeAt = Infinity;
      for (const lease of this.#renewing) {
        const dueAt = this.#dueAt(lease, now);
        if (dueAt < this.#wakeAt) [next, this.#wakeAt] = [lease, dueAt];
      }
      const ms = Math.max(this.#wakeAt - now.monotonic, MIN_RENEWAL_GAP_MS - sinceTick, 0);
      await runtime.sleep(ms, signal, IN_BACKGROUND);
      // Released meanwhile, it wakes nobody: another is due, and perhaps later.
      if (!signal.aborted && next?.isRenewing) await this.#tick(signal);
    }
    this.#pause = undefined;
  }

  /** On the monotonic clock. */
  #dueAt({ sentAt, grant, failures }: Lease, now: Instant): number {
    const { runtime } = this.context;
    const retryMs = failures > 0 ? backoffDelay(RESEND_PAUSES, failures - 1, runtime) : Infinity;
    return now.monotonic + Math.min(grant.renewal.intervalMs, retryMs) - elapsed(sentAt, now);
  }

  /** Renews every lease that is renewed at all, due or not, in one command. */
  async #tick(interrupt: AbortSignal): Promise<void> {
    const { runtime, emit } = this.context;
    const now = runtime.now();
    this.#lastTick = now;
    const renewals = this.#renewalsAt(now);
    if (renewals.length === 0) return;
    for (const [lease] of renewals) lease.sentAt = now;
    const countFailure = (): void => {
      for (const [lease] of renewals) lease.failures += 1;
    };
    const renewal = this.renew(renewals, now).catch((error: unknown) => {
      countFailure();
      for (const [{ identity }] of renewals) emit({ type: "renewalFailed", ...identity, error });
      this.#pause?.abort(OVER);
    });
    // The next renewal overtakes one that hangs; its answer still counts, from when it was sent.
    let patienceMs = Infinity;
    for (const [{ grant }] of renewals) patienceMs = Math.min(patienceMs, grant.renewal.intervalMs);
    this.#wakeAt = now.monotonic + patienceMs;
    const sent = await bounded(runtime, renewal, patienceMs, interrupt);
    if (sent.ended === "late") countFailure();
  }

  /** What to request for each lease that is still to be renewed. */
  #renewalsAt(now: Instant): readonly Renewal[] {
    const renewals: Renewal[] = [];
    for (const lease of this.#renewing) {
      const times = renewTimes(lease, now);
      const isOver = lease.heldMs(now) >= lease.grant.renewal.maxHoldMs;
      if (times !== undefined && !isOver) {
        renewals.push([lease, times]);
        continue;
      }
      lease.isRenewing = false;
      this.#renewing.delete(lease);
      if (times !== undefined) this.context.emit({ type: "maxHold", ...lease.identity });
    }
    return renewals;
  }

  /**
   * Records what the answer proves for each lease, or that it is lost. With both times 0 it only asks.
   *
   * @throws DatabaseError when there is no answer
   */
  async renew(renewals: readonly Renewal[], since: Instant): Promise<void> {
    const { database, runtime, emit } = this.context;
    const requests = renewals.map(([lease, times]) => renewRequests(lease, times, since));
    const outcomes = await database.renew(requests.flat());
    let next = 0;
    for (const [lease, times] of renewals) {
      const { claims } = lease.grant;
      const own = outcomes.slice(next, next + claims.length);
      next += claims.length;
      // A lease that is ending or has ended is not renewed, whatever Redis says.
      if (!lease.isHeld()) continue;
      if (own.length < claims.length || own.some((outcome) => outcome !== "renewed")) {
        lease.lose("Redis no longer has it under this token and fence");
        continue;
      }
      const now = runtime.now();
      lease.confirm(times, since, now);
      if (times.ttlMs === 0 && times.livenessMs === 0) continue;
      lease.failures = 0;
      emit({ type: "renewed", ...lease.identity, expiresAt: lease.expiresAt(now) });
    }
  }
}

/** What a renewal requests now; undefined when too little time is left before the deadline. */
function renewTimes(lease: Lease, now: Instant): LeaseTimes | undefined {
  const { times, renewal } = lease.grant;
  const left = lease.beforeDeadline(now);
  if (left < MIN_TTL_MS) return undefined;
  // 0 leaves the lock's own expiry to heartbeats.
  const ttlMs = renewal.onlyLiveness ? 0 : times.ttlMs;
  return { ttlMs: Math.min(ttlMs, left), livenessMs: Math.min(times.livenessMs, left) };
}

/** The claims of a lease as they are to be stored when `times` are requested. */
function renewRequests(lease: Lease, times: LeaseTimes, now: Instant): readonly RenewRequest[] {
  const { claims } = lease.grant;
  lease.longestMs = Math.max(lease.longestMs, times.ttlMs, times.livenessMs);
  const extendedAt = new Date(now.wall).toISOString();
  // A record that states its liveness states the longest.
  const isTold = claims[0].lockData.livenessMs !== undefined;
  const liveness = isTold ? { livenessMs: lease.longestMs } : {};
  return claims.map(({ key, lockData }) => ({
    key,
    lockData: { ...lockData, extendedAt, ...liveness },
    ...times,
  }));
}
