export type { AutoRenewOptions } from "./auto-renew.ts";
export type { RetryOptions } from "./retry.ts";
export {
  Database,
  type Capabilities,
  type DatabaseModule,
  type DatabaseOptions,
} from "./database/database.ts";
export {
  type AcquireOutcome,
  type AcquireRequest,
  type Claim,
  type CreateOutcome,
  type DeleteOutcome,
  type Inspection,
  type LockData,
  type ProcessData,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
  type Suspect,
  type UpdateOutcome,
} from "./database/operations.ts";
export {
  DatabaseError,
  LockAcquisitionError,
  LockConfigurationError,
  LockError,
  LockExtensionError,
  LockLostError,
  LockNotOwnedError,
  LockReleaseUnknownError,
  MutexError,
  isLockError,
  type LockAcquisitionReason,
  type LockErrorCode,
} from "./errors.ts";
export { Events } from "./events.ts";
export { DrainingSignal, Heartbeater, NoopHeartbeater } from "./locker/heartbeater.ts";
export type { LockEvent } from "./lock-events.ts";
export type { LockContext, LockOptions, LockServiceOptions } from "./lock-options.ts";
export { LockService, type LockInfo } from "./lock-service.ts";
export { LockStatus, OwnerHashStatus } from "./database/lock-status.ts";
export type { Lock } from "./lock.ts";
export type { LockerError } from "./locker/errors.ts";
export type { LockerOptions } from "./locker/options.ts";
export type {
  Extend,
  LockerAcquireOutcome,
  LockerReleaseOutcome,
  LockerRunOutcome,
} from "./locker/outcomes.ts";
export { Locker } from "./locker/locker.ts";
export type { OwnerHashOutcome } from "./locker/owner-hash.ts";
export type { RedisClient } from "./redis/client.ts";
export { RedisDatabase } from "./redis/redis-database.ts";
export type { RedisDatabaseOptions } from "./redis/redis-primitives.ts";
export { systemRuntime, type Instant, type Runtime } from "./runtime.ts";
export {
  WithLock,
  lockedBy,
  type LockSource,
  type LockedByOptions,
  type LockedMethodDecorator,
  type OnLockFailed,
  type WithLockOptions,
} from "./locked-by.ts";
