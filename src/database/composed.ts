import { DatabaseError, LockConfigurationError } from "../errors.ts";
import type { LockData, ProcessData } from "./lock-record.ts";
import { LockStatus } from "./lock-status.ts";
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
import type { CreateOutcome, LockPrimitives } from "./primitives.ts";

/*
 * The operations of the engine composed of primitives, as in distributed-locker: for backends that
 * have nothing better. Each is several commands, so what one of them saw may be gone when the next one
 * runs. A lock is never granted to two all the same, as only `tryCreate` grants locks.
 */

interface Primitives extends LockPrimitives {
  createProcessData(): ProcessData;
}

export async function acquireByPrimitives(
  primitives: Primitives,
  { claims, ttlMs, livenessMs, suspects }: AcquireRequest,
): Promise<AcquireOutcome> {
  const { key, lockData } = onlyClaim(claims);
  const { processHash } = lockData;
  // Before the lock: without liveness it would be free to take.
  await primitives.saveProcessData(processHash, primitives.createProcessData(), livenessMs);
  let takenOver: string | undefined;
  let created = await primitives.tryCreate(key, lockData, ttlMs);
  const dead = await deadHolder(primitives, created, suspects);
  if (dead !== undefined) {
    await deleteByOwner(primitives, key, dead.ownerHash);
    created = await primitives.tryCreate(key, lockData, ttlMs);
    takenOver = key;
  }
  if (created.status === LockStatus.SUCCESS) {
    return { status: "granted", fence: undefined, takenOver };
  }
  // Its liveness is left to expire: another send of this very request may have won meanwhile.
  return { status: "held", key, lockData: created.lockData, remainingMs: null };
}

/** The holder that kept a lock from being created, if it is suspected and its process is gone. */
async function deadHolder(
  primitives: Primitives,
  { status, lockData: holder }: CreateOutcome,
  suspects: AcquireRequest["suspects"],
): Promise<LockData | undefined> {
  if (status === LockStatus.SUCCESS || holder === null) return undefined;
  if (!suspects.some(({ ownerHash }) => ownerHash === holder.ownerHash)) return undefined;
  const process = await primitives.readProcessData(holder.processHash);
  return process === null ? holder : undefined;
}

export async function renewByPrimitives(
  primitives: Primitives,
  requests: readonly RenewRequest[],
): Promise<RenewOutcome[]> {
  return Promise.all(requests.map((request) => renewOne(primitives, request)));
}

async function renewOne(
  primitives: Primitives,
  { key, lockData, ttlMs, livenessMs }: RenewRequest,
): Promise<RenewOutcome> {
  const { ownerHash, processHash } = lockData;
  if ((await primitives.readProcessData(processHash)) === null) return "lost";
  if (livenessMs > 0) {
    await primitives.saveProcessData(processHash, primitives.createProcessData(), livenessMs);
  }
  // Ownership last: the verdict must be younger than the liveness it relies on.
  if (ttlMs === 0) {
    const found = await primitives.readLockData(key);
    return found?.ownerHash === ownerHash ? "renewed" : "lost";
  }
  const { status } = await primitives.tryUpdate(key, lockData, ttlMs, ownerHash);
  return status === LockStatus.SUCCESS ? "renewed" : "lost";
}

export async function releaseByPrimitives(
  primitives: Primitives,
  { claims }: ReleaseRequest,
): Promise<ReleaseOutcome> {
  const { key, lockData } = onlyClaim(claims);
  // Its liveness cannot be deleted, and is left to expire.
  return deleteByOwner(primitives, key, lockData.ownerHash);
}

export async function inspectByPrimitives(
  primitives: Primitives,
  key: string,
): Promise<Inspection | null> {
  const lockData = await primitives.readLockData(key);
  if (lockData === null) return null;
  const alive = (await primitives.readProcessData(lockData.processHash)) !== null;
  return { lockData, remainingMs: null, alive };
}

export async function forceDeleteByPrimitives(
  primitives: Primitives,
  key: string,
  ownerHash: string | null,
): Promise<boolean> {
  if (ownerHash === null) return false;
  return (await deleteByOwner(primitives, key, ownerHash)).status === "released";
}

/** `tryDelete` in the vocabulary of the engine: a missing answer becomes an error, as with every other operation. */
async function deleteByOwner(
  primitives: Primitives,
  key: string,
  ownerHash: string,
): Promise<ReleaseOutcome> {
  const deleted = await primitives.tryDelete(key, ownerHash);
  if ("retriableError" in deleted) throw noConclusiveAnswer(deleted.retriableError);
  if (deleted.status === LockStatus.SUCCESS) return { status: "released", lockData: null };
  const isTaken = deleted.isTaken ? { isTaken: deleted.isTaken } : {};
  switch (deleted.status) {
    case LockStatus.NO_KEY:
      return { status: "missing", lockData: null, ...isTaken };
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status: "held", lockData: deleted.lockData, ...isTaken };
    default:
      // Not by type, but a backend is other people's code.
      throw noConclusiveAnswer(undefined);
  }
}

function noConclusiveAnswer(cause: unknown): DatabaseError {
  return new DatabaseError("The database gave no conclusive answer to a deletion", {
    applied: "unknown",
    retriable: true,
    cause,
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
