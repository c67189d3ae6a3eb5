import { Inject, Optional } from "@nestjs/common";
import type { Lock } from "../lock.ts";
import type { LockService } from "../lock-service.ts";

/** Injects the lock service: `@Inject(LOCK_SERVICE) private readonly lockService: ILockService`. */
export const LOCK_SERVICE: unique symbol = Symbol.for("leasehold.lock-service");

/** A held lock, by its public shape. */
export type ILock = Pick<Lock, keyof Lock>;

/** What {@link LOCK_SERVICE} injects. */
export type ILockService = Pick<
  LockService,
  | "acquire"
  | "tryAcquire"
  | "withLock"
  | "once"
  | "isLocked"
  | "inspect"
  | "forceRelease"
  | "events"
>;

/** Where the lock service is injected into a decorated class that has no `locks` of its own. */
const INJECTED: unique symbol = Symbol.for("leasehold.injected-locks");

/** Has Nest inject the lock service of LocksModule, if there is one, into the class of a prototype. */
export function injectLocks(target: object): void {
  // A static method has no instance to inject into.
  if (typeof target === "function") return;
  Optional()(target, INJECTED);
  Inject(LOCK_SERVICE)(target, INJECTED);
}

/** `this.locks`, or what Nest has injected; to be checked, as there may be neither. */
export function locksOf(self: unknown): unknown {
  const { locks, [INJECTED]: injected } = self as {
    readonly locks?: unknown;
    readonly [INJECTED]?: unknown;
  };
  return locks ?? injected;
}
