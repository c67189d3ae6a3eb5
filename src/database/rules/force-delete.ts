import {
  find,
  remember,
  lockName,
  tombstoneName,
  type RuleSettings,
  type RuleStore,
} from "./store.ts";

/** Deletes the lock of one owner, whoever asks; or (null) what is stored there and is not a lock record. */
export function forceDeleteByRules(
  store: RuleStore,
  key: string,
  ownerHash: string | null,
  settings: RuleSettings,
): boolean {
  // The same command sent twice.
  if (ownerHash !== null && store.get(tombstoneName(ownerHash)) === "forced") return true;
  const found = find(store, key);
  if (found === undefined || (found.lockData?.ownerHash ?? null) !== ownerHash) return false;
  store.delete(lockName(key));
  if (ownerHash !== null) remember(store, ownerHash, "forced", settings);
  return true;
}
