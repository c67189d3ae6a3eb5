import type { LockData } from "../lock-record.ts";
import { LockStatus } from "../lock-status.ts";
import type { CreateOutcome, DeleteOutcome, UpdateOutcome } from "../primitives.ts";
import { find, lockName, type Found, type RuleStore } from "./store.ts";

/** Creates a record unless the key is held by another. */
export function tryCreateByRules(
  store: RuleStore,
  key: string,
  lockData: LockData,
  ttlMs: number,
): CreateOutcome {
  const found = find(store, key);
  if (found && found.lockData?.ownerHash !== lockData.ownerHash) return heldBy(found);
  write(store, key, lockData, ttlMs, found);
  return { status: LockStatus.SUCCESS, lockData };
}

/** Rewrites a record of one owner. */
export function tryUpdateByRules(
  store: RuleStore,
  key: string,
  update: { readonly lockData: LockData; readonly ttlMs: number; readonly ownerHash: string },
): UpdateOutcome {
  const { lockData, ttlMs, ownerHash } = update;
  const found = find(store, key);
  if (!found) return { status: LockStatus.NO_KEY, lockData: null };
  if (found.lockData?.ownerHash !== ownerHash) return heldBy(found);
  write(store, key, lockData, ttlMs, found);
  return { status: LockStatus.SUCCESS, lockData };
}

/** Deletes a record of one owner. */
export function tryDeleteByRules(store: RuleStore, key: string, ownerHash: string): DeleteOutcome {
  const found = find(store, key);
  if (!found) return { status: LockStatus.NO_KEY, lockData: null };
  if (found.lockData?.ownerHash !== ownerHash) return heldBy(found);
  store.delete(lockName(key));
  return { status: LockStatus.SUCCESS, lockData: null };
}

/** Never shortens the time that a record of its own has left (R1). */
function write(
  store: RuleStore,
  key: string,
  lockData: LockData,
  ttlMs: number,
  own: Found | undefined,
): void {
  const ms = Math.max(own?.remainingMs ?? 0, ttlMs);
  store.set(lockName(key), JSON.stringify(lockData), ms);
}

function heldBy({ lockData }: Found): {
  readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
  readonly lockData: LockData | null;
} {
  return { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData };
}
