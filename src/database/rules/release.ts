import { processHashOf } from "../lock-record.ts";
import type { Claim, ReleaseOutcome, ReleaseRequest } from "../operations.ts";
import {
  find,
  remember,
  lockName,
  processName,
  tombstoneName,
  type Found,
  type RuleSettings,
  type RuleStore,
} from "./store.ts";

/** Releases claims. The tombstone says why the owner hash ended, and is left whatever was found. */
export function releaseByRules(
  store: RuleStore,
  { claims, fence }: ReleaseRequest,
  settings: RuleSettings,
): ReleaseOutcome {
  let outcome: ReleaseOutcome = { status: "released", lockData: null };
  let isTaken = false;
  for (const claim of claims) {
    const { reason, found } = endClaim(store, claim, fence);
    if (reason === "taken" || reason === "forced") isTaken = true;
    if (reason !== "released") outcome = notReleased(outcome, found);
    remember(store, claim.lockData.ownerHash, reason, settings);
  }
  store.delete(processName(processHashOf(claims)));
  return isTaken && outcome.status !== "released" ? { ...outcome, isTaken } : outcome;
}

/** Deletes a record of its own; returns why the owner hash ended, and what else is at the key. */
function endClaim(
  store: RuleStore,
  { key, lockData }: Claim,
  fence: number | undefined,
): { readonly reason: string; readonly found: Found | undefined } {
  const found = find(store, key);
  if (found?.lockData?.ownerHash !== lockData.ownerHash) {
    return { reason: store.get(tombstoneName(lockData.ownerHash)) ?? "lost", found };
  }
  store.delete(lockName(key));
  const isThatGrant = fence === undefined || fence === found.lockData.fence;
  return { reason: isThatGrant ? "released" : "lost", found: undefined };
}

function notReleased(outcome: ReleaseOutcome, found: Found | undefined): ReleaseOutcome {
  if (found !== undefined) return { status: "held", lockData: found.lockData };
  return outcome.status === "released" ? { status: "missing", lockData: null } : outcome;
}
