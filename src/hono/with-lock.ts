import type { Context, MiddlewareHandler } from "hono";
import { checkOptions } from "../check.ts";
import {
  GUARD_OPTIONS,
  checkGuardOptions,
  type HttpGuardOptions,
  type Keys,
} from "../http/guard-options.ts";
import { guarded } from "../http/guard.ts";
import { problemHeaders, problemText } from "../http/problem.ts";
import type { Lock } from "../lock.ts";
import { noteHeld } from "./held-bodies.ts";
import { serviceOf, type LocksVariables } from "./locks.ts";

/** What {@link withLock} puts into `c.var`. */
export type GuardVariables = {
  /** The lock the handler runs under. */
  lock: Lock;
};

/** What a guarded handler finds in `c.var`. */
type GuardEnv<V> = { Variables: LocksVariables & V };

/** Options of the guard. Without `retry` and `waitTimeout` a held lock is refused at once. */
export interface GuardOptions extends HttpGuardOptions<Context> {}

/**
 * Guards a handler: one request at a time for each key, everywhere. Needs `locks()` before it.
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * app.post("/orders/:id/pay", withLock({ key: (c) => `pay:${c.req.param("id")}` }), handler);
 */
export function withLock(
  options: HttpGuardOptions<Context, readonly [], Keys, "refuse">,
): MiddlewareHandler<GuardEnv<GuardVariables>>;
/** Where the guard may let a request pass without a lock, `c.var.lock` may be undefined. */
export function withLock(
  options: GuardOptions,
): MiddlewareHandler<GuardEnv<Partial<GuardVariables>>>;
export function withLock(options: GuardOptions): MiddlewareHandler {
  checkOptions("withLock", options, GUARD_OPTIONS);
  checkGuardOptions(options);
  return async (c, next) => {
    const own: { response?: Response } = {};
    const handle = async (lock: Lock | undefined): Promise<Response> => {
      if (lock !== undefined) c.set("lock", lock);
      await next();
      // Hono has turned it into a response, which stands.
      if (c.error !== undefined) throw c.error;
      own.response = c.res;
      return c.res;
    };
    try {
      const response = await guarded({
        request: c.req.raw,
        subject: c,
        rest: [],
        options,
        locks: () => serviceOf(c, "withLock"),
        handle,
        problem: (problem) => c.body(problemText(problem), problem.status, problemHeaders(problem)),
        discard: () => setResponse(c, new Response()),
      });
      if (own.response === undefined) return response;
      if (response !== own.response) {
        setResponse(c, response);
        if (options.hold === "response") noteHeld(c, response);
      }
    } catch (error) {
      if (c.error === undefined || error !== c.error) throw error;
    }
    return;
  };
}

/** Hono would copy the headers of the present response into the next. */
function setResponse(c: Context, response: Response): void {
  c.res = undefined;
  c.res = response;
}
