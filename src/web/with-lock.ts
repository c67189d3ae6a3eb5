import { checkOptions, checkType } from "../check.ts";
import {
  GUARD_OPTIONS,
  checkGuardOptions,
  type HttpGuardOptions,
  type Keys,
  type UnavailablePolicy,
} from "../http/guard-options.ts";
import { guarded } from "../http/guard.ts";
import { nest } from "../http/own-locks.ts";
import { problemResponse } from "../http/problem.ts";
import type { LockService } from "../lock-service.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import type { FetchHandler, GuardProperties } from "./fetch-handler.ts";

/** Options of {@link withLock}; times in ms. */
export interface WebGuardOptions<
  Rest extends readonly unknown[],
  R extends Request = Request,
  Key extends Keys | null = Keys | null,
  Policy extends UnavailablePolicy = UnavailablePolicy,
> extends HttpGuardOptions<R, Rest, Key, Policy> {
  /** A lock service, a Database, or a function of the request that returns one. */
  readonly locks: HandlerLocks<[request: R, ...rest: Rest]>;
}

/** The lock may be missing where a null key, or no answer, lets a request pass. */
type Guarding<Key, Policy> = null extends Key
  ? Partial<GuardProperties>
  : "continue" extends Policy
    ? Partial<GuardProperties>
    : GuardProperties;

/** The request before the guard gives it the lock that the handler declares to need. */
type Unguarded<R, Given> = R extends GuardProperties
  ? Given extends GuardProperties
    ? Omit<R, "lock">
    : R
  : R;

/**
 * A handler that runs one request at a time for each key, everywhere. Its lock is at `request.lock`.
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * export const POST = withLock({ locks: upstash(), key: "import" }, handler);
 */
export function withLock<
  Rest extends readonly unknown[],
  R extends Request,
  Key extends Keys | null = Keys,
  Policy extends UnavailablePolicy = "refuse",
>(
  options: WebGuardOptions<Rest, R, Key, Policy>,
  handler: FetchHandler<Rest, R & Guarding<Key, Policy>>,
): (request: Unguarded<R, Guarding<Key, Policy>>, ...rest: Rest) => Promise<Response>;
export function withLock<Rest extends readonly unknown[], R extends Request>(
  options: WebGuardOptions<Rest, R>,
  handler: FetchHandler<Rest, R & Partial<GuardProperties>>,
): (request: R, ...rest: Rest) => Promise<Response> {
  checkOptions("withLock", options, { ...GUARD_OPTIONS, locks: true });
  checkGuardOptions(options);
  checkHandlerLocks(options.locks);
  checkType("handler", handler, "function");
  return (request, ...rest) =>
    guarded({
      request,
      subject: request,
      rest,
      options,
      locks: () => boundService(options.locks, request, rest),
      handle: async (lock) =>
        handler(lock === undefined ? request : Object.assign(request, { lock }), ...rest),
      problem: problemResponse,
    });
}

/** The services of the guards around, by the request they guard. */
const services = new WeakMap<Request, LockService>();

/** A service for the one request, which knows the locks that the guards around hold for it. */
function boundService<Rest extends readonly unknown[], R extends Request>(
  source: HandlerLocks<[request: R, ...rest: Rest]>,
  request: R,
  rest: Rest,
): LockService {
  const service = serviceOfCall(source, request, ...rest).forRequest({});
  nest(service, services.get(request));
  services.set(request, service);
  return service;
}
