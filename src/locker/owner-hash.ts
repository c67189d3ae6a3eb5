import type { LockData } from "../database/lock-record.ts";
import { OwnerHashStatus } from "../database/lock-status.ts";
import type { LockOperations, ReleaseOutcome } from "../database/operations.ts";
import type { LockPrimitives } from "../database/primitives.ts";

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
  database: Pick<LockPrimitives, "readLockData" | "readProcessData">,
  ownerHash: string,
): Promise<OwnerHashOutcome> {
  const key = parseKey(ownerHash);
  if (key === undefined) {
    return { status: OwnerHashStatus.MALFORMED_OWNER_HASH, lockData: null, key: null };
  }
  const lockData = await database.readLockData(key);
  if (lockData === null) return { status: OwnerHashStatus.NO_KEY, lockData, key };
  const isAlive = (await database.readProcessData(lockData.processHash)) !== null;
  if (!isAlive) return { status: OwnerHashStatus.NO_RUNNING_PROCESS, lockData, key };
  const isOwn = lockData.ownerHash === ownerHash;
  const status = isOwn ? OwnerHashStatus.RUNNING : OwnerHashStatus.SOMEONE_ELSE_HOLDS_LOCK;
  return { status, lockData, key };
}

/**
 * Releases the lock of an owner hash, whoever asks. Its process may hold other locks, and stays alive.
 * The returned function can be called until it has an answer: a deletion of its own whose answer was
 * lost is a success, a deletion by somebody else before it is not.
 */
export function createOwnerRelease(
  database: Pick<LockOperations, "forceDelete" | "inspect">,
  key: string,
  ownerHash: string,
): () => Promise<ReleaseOutcome> {
  let wasSeen = false;
  return async () => {
    const found = await database.inspect(key);
    const isOwn = found?.lockData?.ownerHash === ownerHash;
    wasSeen ||= isOwn;
    if (wasSeen && (await database.forceDelete(key, ownerHash))) {
      return { status: "released", lockData: null };
    }
    return found === null || isOwn
      ? { status: "missing", lockData: null }
      : { status: "held", lockData: found.lockData };
  };
}

/** The key in an owner hash, ours or distributed-locker's; undefined when it is not an owner hash. */
function parseKey(ownerHash: string): string | undefined {
  return /^(.+)@[^/@]+\/\d+\.\d+\.\d+(?:#.*)?$/s.exec(ownerHash)?.[1];
}
