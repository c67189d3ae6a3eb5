export { LockAcquisitionError, LockExtensionError, LockNotOwnedError } from "../errors.ts";
export { LOCK_SERVICE, type ILock, type ILockService } from "./injection.ts";
export { LockExceptionFilter, type LockExceptionFilterOptions } from "./lock-exception-filter.ts";
export { ScheduledOnce, type ScheduledOnceOptions } from "./scheduled-once.ts";
export { LOCK_OPTIONS, WithLock } from "./with-lock.ts";
export {
  LocksModule,
  type LocksModuleAsyncOptions,
  type LocksModuleOptions,
} from "./locks-module.ts";
