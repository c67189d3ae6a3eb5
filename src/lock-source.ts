import type { LockOperations } from "./database/operations.ts";
import type { LockServiceOptions } from "./lock-options.ts";
import { LockService } from "./lock-service.ts";

/**
 * A lock service from a Database, from options, or as it is: checked by shape, as it may come from
 * another copy of the package.
 */
export function toLockService(
  source: LockOperations | LockService | LockServiceOptions,
): LockService {
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
