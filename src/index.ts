export type { AutoRenewOptions } from "./auto-renew.ts";
export type { DatabaseModule } from "./database/database-module.ts";
export { Database, type DatabaseOptions } from "./database/database.ts";
export type {
  ListOperation,
  ListPage,
  ListRequest,
  ListedJob,
  ListedLock,
} from "./database/listing.ts";
export type { ResultRecord } from "./database/result-record.ts";
export type { LockData, ProcessData } from "./database/lock-record.ts";
export { LockStatus, OwnerHashStatus } from "./database/lock-status.ts";
export type {
  AcquireOutcome,
  AcquireRequest,
  AdmitOutcome,
  AdmitRequest,
  Capabilities,
  Claim,
  CompleteRequest,
  Grant,
  HandedOff,
  Inspection,
  JobOperations,
  JobOutcome,
  Kept,
  LeaseTimes,
  LockOperations,
  Refusal,
  ReleaseOutcome,
  ReleaseRequest,
  Remembered,
  RenewOutcome,
  RenewRequest,
  Suspect,
} from "./database/operations.ts";
export type {
  CreateOutcome,
  DeleteOutcome,
  LockPrimitives,
  UpdateOutcome,
} from "./database/primitives.ts";
export {
  DatabaseError,
  LockAcquisitionError,
  LockConfigurationError,
  LockError,
  LockFingerprintError,
  LockExtensionError,
  LockLostError,
  LockNotOwnedError,
  LockReleaseUnknownError,
  isHeldByAnother,
  isLockError,
  type LockAcquisitionReason,
  type LockErrorCode,
} from "./errors.ts";
export type { Events } from "./events.ts";
export type { JobEntry, Listing, ListOptions, LockEntry } from "./listing.ts";
export type { LockEvent } from "./lock-events.ts";
export type {
  AcquireOptions,
  LockServiceOptions,
  RequestContext,
  TryOptions,
} from "./lock-options.ts";
export type { LockInfo } from "./lock-info.ts";
export { LockService } from "./lock-service.ts";
export type { Lock } from "./lock.ts";
export {
  WithLock,
  lockedBy,
  type LockSource,
  type LockedByOptions,
  type LockedMethodDecorator,
  type OnLockFailed,
  type WithLockOptions,
} from "./locked-by.ts";
export { MutexError, type JobLostError, type LockerError } from "./locker/errors.ts";
export { DrainingSignal, Heartbeater, NoopHeartbeater } from "./locker/heartbeater.ts";
export { Locker } from "./locker/locker.ts";
export type { LockerOptions } from "./locker/options.ts";
export type {
  Extend,
  LockerAcquireOutcome,
  LockerReleaseOutcome,
  LockerRunOutcome,
} from "./locker/outcomes.ts";
export type { OwnerHashOutcome } from "./locker/owner-hash.ts";
export type { RedisClient } from "./redis/client.ts";
export type { Codec, Json } from "./once/codec.ts";
export type { OnceEachOptions, OnceEachOutcome } from "./once/each.ts";
export type { JobWork, OnceOutcome, Ran, Recalled, Running } from "./once/once.ts";
export type { IfRunning, OnceOptions } from "./once/options.ts";
export { RedisDatabase, type RedisDatabaseOptions } from "./redis/redis-database.ts";
export type { RetryOptions } from "./retry.ts";
export { systemRuntime, type Instant, type Runtime } from "./runtime.ts";
