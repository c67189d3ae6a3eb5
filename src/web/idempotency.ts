import { checkOptions, checkType } from "../check.ts";
import {
  IDEMPOTENCY_OPTIONS,
  answerOnce,
  checkIdempotencyOptions,
  type IdempotencyOptions,
} from "../http/idempotency.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import type { FetchHandler, GuardProperties } from "./fetch-handler.ts";

/** Options of {@link idempotency}; times in ms. */
export interface WebIdempotencyOptions<
  Rest extends readonly unknown[],
  R extends Request = Request,
> extends IdempotencyOptions<readonly [request: R, ...rest: Rest]> {
  /** A lock service, a Database, or a function of the request that returns one. */
  readonly locks: HandlerLocks<[request: R, ...rest: Rest]>;
}

/**
 * A handler that answers a request with an `Idempotency-Key` once: its duplicates get the same response,
 * without `handler`. GET, HEAD, OPTIONS and requests without the header pass; in others, the lock that is
 * held meanwhile is at `request.lock`.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * export const POST = idempotency({ locks: upstash(), scope: userIdOf }, handler);
 */
export function idempotency<Rest extends readonly unknown[], R extends Request>(
  options: WebIdempotencyOptions<Rest, R>,
  handler: FetchHandler<Rest, R & Partial<GuardProperties>>,
): (request: R, ...rest: Rest) => Promise<Response> {
  checkOptions("idempotency", options, { ...IDEMPOTENCY_OPTIONS, locks: true });
  checkIdempotencyOptions(options);
  checkHandlerLocks(options.locks);
  checkType("handler", handler, "function");
  return async (request, ...rest) => {
    const response = await answerOnce({
      request,
      args: [request, ...rest],
      options,
      locks: () => serviceOfCall(options.locks, request, ...rest),
      handle: async (lock) => handler(Object.assign(request, { lock }), ...rest),
    });
    return response ?? handler(request, ...rest);
  };
}
