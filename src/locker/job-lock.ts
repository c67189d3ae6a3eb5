import { LockStatus } from "../database/lock-status.ts";
import type { Database } from "../database/database.ts";
import type { UpdateOutcome } from "../database/primitives.ts";
import { classifyFailure } from "../errors.ts";
import type { Lease } from "../lease/lease.ts";
import { toJobLostError } from "./errors.ts";
import { Heartbeater } from "./heartbeater.ts";
import type { LockerSettings } from "./options.ts";
import type { Extend } from "./outcomes.ts";

/** The heartbeater of a job: throws when the lock is lost, and asks Redis at intervals. */
export function createHeartbeater(
  lease: Lease,
  database: Database,
  settings: LockerSettings,
  onError: (error: unknown) => void,
): Heartbeater {
  const { lockExtendMs, lockRecheckMs, lockTtlMs, reportTtlMs, runtime } = settings;
  const assertNotLost = async (): Promise<void> => {
    const lost = lease.checkLoss();
    if (lost !== undefined) throw await toJobLostError(lost, lease.grant.claims[0], database);
  };
  const ask = async (ttlMs: number, livenessMs: number): Promise<void> => {
    await assertNotLost();
    try {
      await lease.extend({ ttlMs, livenessMs });
    } catch (error) {
      // No answer is no loss yet: the clock decides when it becomes one.
      if (!classifyFailure(error).retriable) throw error;
      onError(error);
    }
    await assertNotLost();
  };
  return new Heartbeater(lease.key, assertNotLost, runtime)
    .withOnEvery(lockExtendMs, () => ask(lockTtlMs, reportTtlMs))
    .withOnEvery(lockRecheckMs, () => ask(0, 0));
}

/** Extends the lock of a job by hand, or tells who holds it instead. */
export function createExtend(
  lease: Lease,
  database: Database,
  { lockTtlMs, reportTtlMs }: LockerSettings,
): Extend {
  return async (): Promise<UpdateOutcome> => {
    const [{ key, lockData }] = lease.grant.claims;
    if (lease.isHeld()) {
      const { wall } = await lease.extend({ ttlMs: lockTtlMs, livenessMs: reportTtlMs });
      const extendedAt = new Date(wall).toISOString();
      if (lease.isHeld()) {
        return { status: LockStatus.SUCCESS, lockData: { ...lockData, extendedAt } };
      }
    }
    const found = await database.readLockData(key);
    return found === null || found.ownerHash === lockData.ownerHash
      ? { status: LockStatus.NO_KEY, lockData: null }
      : { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: found };
  };
}
