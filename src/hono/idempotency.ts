import type { Context, MiddlewareHandler } from "hono";
import { checkOptions } from "../check.ts";
import {
  IDEMPOTENCY_OPTIONS,
  answerOnce,
  checkIdempotencyOptions,
  type IdempotencyOptions,
} from "../http/idempotency.ts";
import type { Lock } from "../lock.ts";
import { serviceOf, type LocksVariables } from "./locks.ts";

/**
 * Answers a request with an `Idempotency-Key` once: its duplicates get the same response, without the
 * handler. Needs `locks()` before it. GET, HEAD, OPTIONS and requests without the header pass.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * app.post("/orders", idempotency({ scope: (c) => c.get("userId") }), handler);
 */
export function idempotency(
  options: IdempotencyOptions<[c: Context]>,
): MiddlewareHandler<{ Variables: LocksVariables & { lock?: Lock } }> {
  checkOptions("idempotency", options, IDEMPOTENCY_OPTIONS);
  checkIdempotencyOptions(options);
  return async (c, next) => {
    let isHandled = false;
    const response = await answerOnce({
      request: c.req.raw,
      args: [c],
      options,
      locks: () => serviceOf(c, "idempotency"),
      handle: async (lock) => {
        c.set("lock", lock);
        isHandled = true;
        await next();
        return c.res;
      },
    });
    if (response === undefined) return next();
    // Hono copies the headers of the present response into the next one: they are there already.
    if (isHandled) c.res = undefined;
    c.res = response;
    return;
  };
}
