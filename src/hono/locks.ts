import type { Context, MiddlewareHandler } from "hono";
import type { LockOperations } from "../database/operations.ts";
import { LockConfigurationError } from "../errors.ts";
import { nest } from "../http/own-locks.ts";
import type { LockServiceOptions, RequestContext } from "../lock-options.ts";
import type { LockService } from "../lock-service.ts";
import { toLockService } from "../lock-source.ts";
import { cancelUnsent, isHolding } from "./held-bodies.ts";

/** What {@link locks} puts into `c.var`. */
export type LocksVariables = {
  /** The lock service, bound to this request. */
  locks: LockService;
};

/**
 * Puts a lock service, bound to the request and its `waitUntil`, at `c.var.locks`. Use it before other
 * middleware: what that answers instead of a guard with `hold: "response"` ends the hold.
 *
 * @param source a Database, a service, or the options of one: called for each request, as `c.env` is
 *   only there then. Whatever it throws goes to the app's error handler.
 * @example app.use(locks((c) => upstash(c.env)));
 */
export function locks(
  source: (c: Context) => LockOperations | LockService | LockServiceOptions,
): MiddlewareHandler<{ Variables: LocksVariables }> {
  return async (c, next) => {
    const service = toLockService(source(c)).forRequest(contextOf(c));
    const outer: LockService | undefined = c.get("locks");
    nest(service, outer);
    c.set("locks", service);
    let isAnswered = false;
    try {
      await next();
      isAnswered = true;
    } finally {
      if (!isHolding(c)) service.responded();
      await cancelUnsent(c, isAnswered);
    }
  };
}

/** The platform's context; empty where there is none: `c.executionCtx` throws there. */
function contextOf(c: Context): RequestContext {
  try {
    return c.executionCtx;
  } catch {
    return {};
  }
}

/** The service of a request; `who` needs it. */
export function serviceOf(c: Context, who: string): LockService {
  const service: LockService | undefined = c.get("locks");
  if (service !== undefined) return service;
  throw new LockConfigurationError("locks", `${who}() needs app.use(locks(…)) before it`);
}
