import type { Acquired } from "../lease/acquire.ts";
import { failureOf } from "../errors.ts";
import { Heartbeater } from "./heartbeater.ts";
import type { UpdateOutcome } from "../database/operations.ts";
import { LockStatus } from "../database/lock-status.ts";
import type { LockerSettings } from "./options.ts";
import type { Extend } from "./outcomes.ts";

/** The heartbeater of a job: says whether the lock is still held, now and then by asking. */
export function heartbeaterOf(
  { holding, lease }: Acquired,
  { lockExtendMs, lockRecheckMs, lockTtlMs, reportTtlMs, runtime }: LockerSettings,
  onError: (error: unknown) => void,
): Heartbeater {
  const assertHeld = (): void => {
    if (holding.lost !== undefined) throw holding.lost;
  };
  const ask = async (ttlMs: number, livenessMs: number): Promise<void> => {
    assertHeld();
    try {
      await lease.prolong(holding, { ttlMs, livenessMs });
    } catch (error) {
      // No answer is no loss: the clock says when it would be one.
      if (!failureOf(error).retriable) throw error;
      onError(error);
    }
    assertHeld();
  };
  return new Heartbeater(holding.key, assertHeld, runtime)
    .withOnEvery(lockExtendMs, () => ask(lockTtlMs, reportTtlMs))
    .withOnEvery(lockRecheckMs, () => ask(0, 0));
}

/** Extends the lock of a job by hand, and tells who has it otherwise. */
export function extendOf(
  { holding, lease }: Acquired,
  { lockTtlMs, reportTtlMs }: LockerSettings,
): Extend {
  const isHeld = (): boolean => holding.lost === undefined && !holding.isReleasing;
  return async (): Promise<UpdateOutcome> => {
    const [{ key, lockData }] = holding.claims;
    if (isHeld()) {
      const { wall } = await lease.prolong(holding, { ttlMs: lockTtlMs, livenessMs: reportTtlMs });
      const extendedAt = new Date(wall).toISOString();
      if (isHeld()) return { status: LockStatus.SUCCESS, lockData: { ...lockData, extendedAt } };
    }
    const found = await lease.context.database.readLockData(key);
    return found === null || found.ownerHash === lockData.ownerHash
      ? { status: LockStatus.NO_KEY, lockData: null }
      : { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData: found };
  };
}
