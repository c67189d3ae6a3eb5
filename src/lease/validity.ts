import { elapsed, type Instant } from "../runtime.ts";

/** Redis granted `ms` to a request sent no earlier than `since`. */
export interface Proof {
  readonly since: Instant;
  readonly ms: number;
}

/** How long a grant can be relied on: less a margin, as clocks drift and timers fire late. */
export function reliableMs({ since, ms }: Proof, now: Instant): number {
  return ms - Math.max(20, ms * 0.02) - elapsed(since, now);
}

export function later(old: Proof, fresh: Proof, now: Instant): Proof {
  return reliableMs(fresh, now) > reliableMs(old, now) ? fresh : old;
}
