export { LockAcquisitionError, LockExtensionError, LockNotOwnedError } from "../errors.ts";
export { WithLock } from "../locked-by.ts";
export { LOCK_SERVICE, type ILock, type ILockService } from "./injection.ts";
export {
  LocksModule,
  type LocksModuleAsyncOptions,
  type LocksModuleOptions,
} from "./locks-module.ts";
