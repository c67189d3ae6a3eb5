import type { Instant } from "../../runtime.ts";
import { createProcessData } from "../lock-record.ts";
import type { RenewOutcome, RenewRequest } from "../operations.ts";
import { find, lockName, processName, whereThereIsRoom, type RuleStore } from "./store.ts";

/** Keeps a claim alive; creates nothing (R2). With 0 ms for both times it only asks. */
export function renewByRules(
  store: RuleStore,
  { key, lockData, ttlMs, livenessMs }: RenewRequest,
  now: Instant,
): RenewOutcome {
  const process = processName(lockData.processHash);
  const stored = find(store, key)?.lockData;
  const isOwn = stored?.ownerHash === lockData.ownerHash && stored.fence === lockData.fence;
  if (!isOwn || store.get(process) === undefined) return "lost";
  // Expiry first (R5): a full store has no room for the records, and must not end a lease.
  store.lengthen(lockName(key), ttlMs);
  store.lengthen(process, livenessMs);
  if (ttlMs > 0) whereThereIsRoom(() => store.replace(lockName(key), JSON.stringify(lockData)));
  if (livenessMs > 0) {
    whereThereIsRoom(() => store.replace(process, JSON.stringify(createProcessData(now))));
  }
  return "renewed";
}
