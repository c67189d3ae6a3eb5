import type { Database } from "./database.ts";
import { DatabaseError, LockConfigurationError } from "../errors.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  Claim,
  Inspection,
  ReleaseOutcome,
  ReleaseRequest,
  RenewOutcome,
  RenewRequest,
} from "./operations.ts";
import { LockStatus } from "./lock-status.ts";

/**
 * The operations of a Database made of its primitives, as distributed-locker does it: for backends
 * that have nothing better. Each is several commands, so that what one of them saw may be gone when
 * the next one runs; a lock is never given to two all the same, as only `tryCreate` gives locks.
 */
type Primitives = Pick<
  Database,
  | "readLockData"
  | "tryCreate"
  | "tryUpdate"
  | "tryDelete"
  | "readProcessData"
  | "saveProcessData"
  | "createProcessData"
>;

export async function acquireByPrimitives(
  database: Primitives,
  { claims, ttlMs, livenessMs, suspects }: AcquireRequest,
): Promise<AcquireOutcome> {
  const { key, lockData } = onlyClaim(claims);
  const { processHash } = lockData;
  // Before the lock: without liveness it would be free to take.
  await database.saveProcessData(processHash, database.createProcessData(), livenessMs);
  let takenOver: string | undefined;
  let created = await database.tryCreate(key, lockData, ttlMs);
  if (created.status !== LockStatus.SUCCESS && created.lockData !== null) {
    const holder = created.lockData;
    const isSuspect = suspects.some((suspect) => suspect.ownerHash === holder.ownerHash);
    if (isSuspect && (await database.readProcessData(holder.processHash)) === null) {
      await deleteByOwner(database, key, holder.ownerHash);
      created = await database.tryCreate(key, lockData, ttlMs);
      takenOver = key;
    }
  }
  if (created.status === LockStatus.SUCCESS) {
    return { status: created.status, fence: undefined, takenOver };
  }
  // Its liveness ends by itself: another send of this very request may have won meanwhile.
  return { status: created.status, key, lockData: created.lockData, remainingMs: null };
}

export async function renewByPrimitives(
  database: Primitives,
  requests: readonly RenewRequest[],
): Promise<RenewOutcome[]> {
  return Promise.all(requests.map((request) => renewOne(database, request)));
}

async function renewOne(
  database: Primitives,
  { key, lockData, ttlMs, livenessMs }: RenewRequest,
): Promise<RenewOutcome> {
  const { ownerHash, processHash } = lockData;
  if ((await database.readProcessData(processHash)) === null) return "LOST";
  if (livenessMs > 0) {
    await database.saveProcessData(processHash, database.createProcessData(), livenessMs);
  }
  // Ownership last: the verdict must be younger than the liveness it relies on.
  if (ttlMs === 0) {
    const found = await database.readLockData(key);
    return found?.ownerHash === ownerHash ? LockStatus.SUCCESS : "LOST";
  }
  const { status } = await database.tryUpdate(key, lockData, ttlMs, ownerHash);
  return status === LockStatus.SUCCESS ? status : "LOST";
}

export async function releaseByPrimitives(
  database: Primitives,
  { claims }: ReleaseRequest,
): Promise<ReleaseOutcome> {
  const { key, lockData } = onlyClaim(claims);
  // Its liveness cannot be deleted, and ends by itself.
  return deleteByOwner(database, key, lockData.ownerHash);
}

export async function inspectByPrimitives(
  database: Primitives,
  key: string,
): Promise<Inspection | null> {
  const lockData = await database.readLockData(key);
  if (lockData === null) return null;
  const alive = (await database.readProcessData(lockData.processHash)) !== null;
  return { lockData, remainingMs: null, alive };
}

export async function forceDeleteByPrimitives(
  database: Primitives,
  key: string,
  ownerHash: string | null,
): Promise<boolean> {
  if (ownerHash === null) return false;
  return (await deleteByOwner(database, key, ownerHash)).status === LockStatus.SUCCESS;
}

/** `tryDelete`, with a missing answer as an error like that of every other operation. */
export async function deleteByOwner(
  database: Primitives,
  key: string,
  ownerHash: string,
): Promise<ReleaseOutcome> {
  const deleted = await database.tryDelete(key, ownerHash);
  if (!("retriableError" in deleted)) return deleted;
  throw new DatabaseError("The database gave no answer to a deletion", {
    applied: "unknown",
    retriable: true,
    cause: deleted.retriableError,
  });
}

function onlyClaim([claim, ...others]: readonly Claim[]): Claim {
  if (claim === undefined || others.length > 0) {
    throw new LockConfigurationError(
      "key",
      `this database cannot lock several keys at once, but ${others.length + 1} were given`,
    );
  }
  return claim;
}
