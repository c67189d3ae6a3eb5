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
