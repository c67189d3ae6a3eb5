import { show } from "../check.ts";
import type { LockOperations } from "../database/operations.ts";
import { LockConfigurationError } from "../errors.ts";
import type { LockServiceOptions } from "../lock-options.ts";
import type { LockService } from "../lock-service.ts";
import { toLockService } from "../lock-source.ts";

type Source = LockService | LockOperations | LockServiceOptions;

/**
 * Where a handler's locks are: a service, a Database, options, or a function of what the handler is called
 * with, such as `(request, env, ctx) => new LockService({ database: upstash(env) }).forRequest(ctx)`.
 */
export type LocksSource<Rest extends readonly unknown[], R extends Request = Request> =
  Source | ((request: R, ...rest: Rest) => Source);

/** @throws LockConfigurationError */
export function checkSource(source: unknown): void {
  if (typeof source === "function" || (typeof source === "object" && source !== null)) return;
  throw new LockConfigurationError(
    "locks",
    `must be a lock service, a Database, or a function that returns one, but is ${show(source)}`,
  );
}

export function serviceFor<Rest extends readonly unknown[], R extends Request>(
  source: LocksSource<Rest, R>,
  request: R,
  rest: Rest,
): LockService {
  return toLockService(typeof source === "function" ? source(request, ...rest) : source);
}
