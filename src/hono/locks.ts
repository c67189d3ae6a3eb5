import type { Context, MiddlewareHandler } from "hono";
import { LockService } from "../lock-service.ts";
import type { LockServiceOptions } from "../lock-options.ts";

/** What {@link locks} puts into `c.var`. */
export type LocksVariables = {
  /** The lock service, bound to this request. */
  locks: LockService;
};

/**
 * Puts a lock service, bound to the request and its `waitUntil`, at `c.var.locks`.
 *
 * @param source the service, or the options of one: called for each request, as `c.env` is only
 *   there then. Whatever it throws goes to the app's error handler.
 * @example app.use(locks((c) => ({ database: new RedisDatabase(redisFromEnv(c.env)) })));
 */
export function locks(
  source: (c: Context) => LockService | LockServiceOptions,
): MiddlewareHandler<{ Variables: LocksVariables }> {
  return async (c, next) => {
    const found = source(c);
    const service = found instanceof LockService ? found : new LockService(found);
    c.set("locks", service.withContext({ waitUntil: waitUntilOf(c) }));
    await next();
  };
}

/** The platform's `waitUntil`; undefined where there is none: `c.executionCtx` throws there. */
function waitUntilOf(c: Context): ((promise: Promise<unknown>) => void) | undefined {
  try {
    const { executionCtx } = c;
    return (promise) => executionCtx.waitUntil(promise);
  } catch {
    return undefined;
  }
}
