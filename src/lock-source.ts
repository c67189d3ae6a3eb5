import { show } from "./check.ts";
import type { LockOperations } from "./database/operations.ts";
import { LockConfigurationError } from "./errors.ts";
import type { LockServiceOptions } from "./lock-options.ts";
import { LockService } from "./lock-service.ts";

type Source = LockOperations | LockService | LockServiceOptions;

/**
 * Where the locks of a handler are: a Database, a lock service, the options of one, or a function of what
 * the platform calls the handler with, such as `(env) => upstash(env)`.
 */
export type HandlerLocks<Args extends readonly unknown[]> = Source | ((...args: Args) => Source);

/** @throws LockConfigurationError */
export function checkHandlerLocks(locks: unknown): void {
  if (typeof locks === "function" || (typeof locks === "object" && locks !== null)) return;
  throw new LockConfigurationError(
    "locks",
    `must be a lock service, a Database, or a function that returns one, but is ${show(locks)}`,
  );
}

/** The service of one call of a handler. */
export function serviceOfCall<Args extends readonly unknown[]>(
  locks: HandlerLocks<Args>,
  ...args: Args
): LockService {
  return toLockService(typeof locks === "function" ? locks(...args) : locks);
}

/**
 * A lock service from a Database, from options, or as it is: checked by shape, as it may come from
 * another copy of the package.
 */
export function toLockService(source: Source): LockService {
  if (isLockService(source)) return source;
  return new LockService(isOperations(source) ? { database: source } : source);
}

/** Checked by shape: it may be of another copy of the package. */
export function isLockService(value: unknown): value is LockService {
  return typeof value === "object" && value !== null && "forRequest" in value;
}

function isOperations(value: object): value is LockOperations {
  return typeof value === "object" && value !== null && "forceDelete" in value;
}
