/** How an operation on one lock ended, as in distributed-locker. */
export const LockStatus = {
  SUCCESS: "SUCCESS",
  SOMEONE_ELSE_HOLDS_LOCK: "SOMEONE_ELSE_HOLDS_LOCK",
  NO_KEY: "NO_KEY",
} as const;

export type LockStatus = (typeof LockStatus)[keyof typeof LockStatus];

export declare namespace LockStatus {
  type SUCCESS = "SUCCESS";
  type SOMEONE_ELSE_HOLDS_LOCK = "SOMEONE_ELSE_HOLDS_LOCK";
  type NO_KEY = "NO_KEY";
}

/** Whether the very holder with an owner hash is at work, as in distributed-locker. */
export const OwnerHashStatus = {
  RUNNING: "RUNNING",
  SOMEONE_ELSE_HOLDS_LOCK: "SOMEONE_ELSE_HOLDS_LOCK",
  NO_KEY: "NO_KEY",
  NO_RUNNING_PROCESS: "NO_RUNNING_PROCESS",
  MALFORMED_OWNER_HASH: "MALFORMED_OWNER_HASH",
} as const;

export type OwnerHashStatus = (typeof OwnerHashStatus)[keyof typeof OwnerHashStatus];

export declare namespace OwnerHashStatus {
  type RUNNING = "RUNNING";
  type SOMEONE_ELSE_HOLDS_LOCK = "SOMEONE_ELSE_HOLDS_LOCK";
  type NO_KEY = "NO_KEY";
  type NO_RUNNING_PROCESS = "NO_RUNNING_PROCESS";
  type MALFORMED_OWNER_HASH = "MALFORMED_OWNER_HASH";
}
