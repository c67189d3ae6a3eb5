import type { Lock } from "../lock.ts";
import type { LockService } from "../lock-service.ts";

/** Injects the lock service: `@Inject(LOCK_SERVICE) private readonly lockService: ILockService`. */
export const LOCK_SERVICE: unique symbol = Symbol.for("leasehold.lock-service");

/** A held lock, by its public shape. */
export type ILock = Pick<Lock, keyof Lock>;

/** What {@link LOCK_SERVICE} injects. */
export type ILockService = Pick<
  LockService,
  "acquire" | "tryAcquire" | "withLock" | "isLocked" | "inspect" | "forceRelease" | "events"
>;
