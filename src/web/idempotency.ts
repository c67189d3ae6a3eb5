import { checkOptions, checkType } from "../check.ts";
import {
  IDEMPOTENCY_OPTIONS,
  answerOnce,
  checkIdempotencyOptions,
  type IdempotencyOptions,
} from "../http/idempotency.ts";
import { checkSource, serviceFor, type LocksSource } from "./locks-source.ts";

/** A Fetch handler: a Next route handler, and what Bun.serve, Deno.serve and Workers call. */
export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/** Options of {@link idempotency}; times in ms. */
export interface WebIdempotencyOptions<Rest extends readonly unknown[]> extends IdempotencyOptions<
  readonly [request: Request, ...rest: Rest]
> {
  /** A lock service, a Database, or a function of the request that returns one. */
  readonly locks: LocksSource<Rest>;
}

/**
 * A handler that answers a request with an `Idempotency-Key` once: its duplicates get the same response,
 * without `handler`. GET, HEAD, OPTIONS and requests without the header pass.
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * export const POST = idempotency({ locks: upstash(), scope: userIdOf }, handler);
 */
export function idempotency<Rest extends readonly unknown[]>(
  options: WebIdempotencyOptions<Rest>,
  handler: FetchHandler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  checkOptions("idempotency", options, { ...IDEMPOTENCY_OPTIONS, locks: true });
  checkIdempotencyOptions(options);
  checkSource(options.locks);
  checkType("handler", handler, "function");
  return async (request, ...rest) => {
    const response = await answerOnce({
      request,
      args: [request, ...rest],
      options,
      locks: () => serviceFor(options.locks, request, rest),
      handle: async () => handler(request, ...rest),
    });
    return response ?? handler(request, ...rest);
  };
}
