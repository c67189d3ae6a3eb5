import { elapsed, type Instant } from "../runtime.ts";

/** Redis was asked for `ms`, in a request sent no earlier than `since`, and granted it. */
interface Proof {
  readonly since: Instant;
  readonly ms: number;
}

/** How much of a TTL is not relied on, in ms: clocks that run apart, and a timer that fires late. */
function margin(ttlMs: number): number {
  return Math.max(20, ttlMs * 0.02);
}

function remainingOf({ since, ms }: Proof, now: Instant): number {
  return ms - margin(ms) - elapsed(since, now);
}

/**
 * How long a lock may be believed in. It ends with the earlier of its lock TTL and its liveness
 * TTL, each counted from before the request that proved it left; of several proofs the latest
 * counts. (Counting from the answer would believe longer than Redis does:
 * https://redis.io/docs/latest/develop/use/patterns/distributed-locks/)
 */
export class Validity {
  #lock: Proof;
  #liveness: Proof;

  constructor(since: Instant, ttlMs: number, livenessMs: number) {
    this.#lock = { since, ms: ttlMs };
    this.#liveness = { since, ms: livenessMs };
  }

  /** A renewal sent at `since` was granted; 0 ms: that expiry was left as it was. */
  prove(since: Instant, ttlMs: number, livenessMs: number, now: Instant): void {
    this.#lock = later(this.#lock, { since, ms: ttlMs }, now);
    this.#liveness = later(this.#liveness, { since, ms: livenessMs }, now);
  }

  /** Milliseconds until validity ends; 0 or less when it is over. */
  remaining(now: Instant): number {
    return Math.min(remainingOf(this.#lock, now), remainingOf(this.#liveness, now));
  }

  /** When Redis lets the lock go, on this machine's wall clock: never later than it really does. */
  expiresAt(now: Instant): Date {
    const left = [this.#lock, this.#liveness].map(({ since, ms }) => ms - elapsed(since, now));
    return new Date(now.wall + Math.min(...left));
  }
}

function later(old: Proof, fresh: Proof, now: Instant): Proof {
  return remainingOf(fresh, now) > remainingOf(old, now) ? fresh : old;
}
