export { locks, type LocksVariables } from "./locks.ts";
export { withLock, type GuardOptions, type GuardVariables } from "./with-lock.ts";
export { idempotency } from "./idempotency.ts";
