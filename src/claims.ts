import type { LeaseContext } from "./lease-context.ts";
import type { Claim } from "./lock-data.ts";
import { formatOwnerHash } from "./owner-hash.ts";
import type { Runtime } from "./runtime.ts";

/** What to ask for, in ms. */
export interface Ask {
  readonly ttlMs: number;
  readonly livenessMs: number;
}

/** A new token. One for each acquisition: a lock and its liveness record live and die together. */
export function mintProcessHash(runtime: Runtime): string {
  return `leasehold/${runtime.token()}`;
}

/**
 * The claims of one token, as they are to be stored. A record tells its liveness only where it lasts as
 * long as the lock: one whose lock can outlive its holder is to be suspected until its last moment.
 */
export function claimsOf(
  { database, keyPrefix }: LeaseContext,
  [first, ...rest]: readonly [string, ...string[]],
  owner: { readonly processHash: string; readonly trace: string | undefined },
  ask?: Ask,
): readonly [Claim, ...Claim[]] {
  const liveness =
    ask !== undefined && ask.livenessMs >= ask.ttlMs ? { livenessMs: ask.livenessMs } : {};
  const claim = (name: string): Claim => {
    const key = keyPrefix + name;
    const ownerHash = formatOwnerHash(key, owner.processHash, owner.trace);
    return { key, lockData: { ...database.createLockData({ ...owner, ownerHash }), ...liveness } };
  };
  return [claim(first), ...rest.map(claim)];
}
