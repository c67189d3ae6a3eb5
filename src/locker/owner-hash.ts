import type { Database } from "../database/database.ts";
import type { LockData, ReleaseOutcome } from "../database/operations.ts";
import { LockStatus, OwnerHashStatus } from "../database/lock-status.ts";

export type OwnerHashOutcome =
  | {
      readonly status:
        | OwnerHashStatus.RUNNING
        | OwnerHashStatus.SOMEONE_ELSE_HOLDS_LOCK
        | OwnerHashStatus.NO_RUNNING_PROCESS;
      readonly lockData: LockData;
      readonly key: string;
    }
  | { readonly status: OwnerHashStatus.NO_KEY; readonly lockData: null; readonly key: string }
  | {
      readonly status: OwnerHashStatus.MALFORMED_OWNER_HASH;
      readonly lockData: null;
      readonly key: null;
    };

/** Whether the very holder with this owner hash is at work. */
export async function readOwnerHashStatus(
  database: Pick<Database, "readLockData" | "readProcessData">,
  ownerHash: string,
): Promise<OwnerHashOutcome> {
  const parsed = parseOwnerHash(ownerHash);
  if (parsed === null) {
    return { status: OwnerHashStatus.MALFORMED_OWNER_HASH, lockData: null, key: null };
  }
  const { key } = parsed;
  const lockData = await database.readLockData(key);
  if (lockData === null) return { status: OwnerHashStatus.NO_KEY, lockData, key };
  const isAlive = (await database.readProcessData(lockData.processHash)) !== null;
  if (!isAlive) return { status: OwnerHashStatus.NO_RUNNING_PROCESS, lockData, key };
  const isOwn = lockData.ownerHash === ownerHash;
  const status = isOwn ? OwnerHashStatus.RUNNING : OwnerHashStatus.SOMEONE_ELSE_HOLDS_LOCK;
  return { status, lockData, key };
}

/**
 * Releases the lock of an owner hash, whoever asks. Its process may have other locks, and lives on. The
 * function returned can be called until it has an answer: a deletion of its own whose answer was lost is
 * a success, and one by somebody before it is not.
 */
export function ownerRelease(
  database: Pick<Database, "forceDelete" | "inspect">,
  key: string,
  ownerHash: string,
): () => Promise<ReleaseOutcome> {
  let wasSeen = false;
  return async () => {
    const found = await database.inspect(key);
    const isOwn = found?.lockData?.ownerHash === ownerHash;
    wasSeen ||= isOwn;
    if (wasSeen && (await database.forceDelete(key, ownerHash))) {
      return { status: LockStatus.SUCCESS, lockData: null };
    }
    return found === null || isOwn
      ? { status: LockStatus.NO_KEY, lockData: null }
      : { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: found.lockData };
  };
}

/** The key and process in an owner hash, ours or distributed-locker's; null when it is none. */
function parseOwnerHash(ownerHash: string): { key: string; processHash: string } | null {
  const [, key, processHash] = /^(.+)@([^/@]+\/\d+\.\d+)\.\d+(?:#.*)?$/s.exec(ownerHash) ?? [];
  return key === undefined || processHash === undefined ? null : { key, processHash };
}

/** Names one holder of one key, in the format of distributed-locker: `key@process.seq#trace`. */
export function formatOwnerHash(key: string, processHash: string, trace?: string): string {
  return `${key}@${processHash}.0${trace === undefined ? "" : `#${trace}`}`;
}
