import { show } from "../check.ts";
import { LockConfigurationError, isHeldByAnother, isLockError } from "../errors.ts";
import { checkKeys, fitTrace } from "../key.ts";
import type { AcquireOptions } from "../lock-options.ts";
import type { LockService } from "../lock-service.ts";
import { concludeWork, releaseOnError, type Lock } from "../lock.ts";
import type { HttpGuardOptions, Keys } from "./guard-options.ts";
import { heldResponse } from "./held-response.ts";
import { BAD_KEY, LOST, UNAVAILABLE, busy } from "./lock-problems.ts";
import { holdsAlready } from "./own-locks.ts";
import type { Problem } from "./problem.ts";
import { replaced } from "./replaced-response.ts";

/** One request to a guarded handler. */
export interface GuardedCall<Subject, Rest extends readonly unknown[]> {
  readonly request: Request;
  /** What the functions among the options are called with. */
  readonly subject: Subject;
  readonly rest: Rest;
  readonly options: HttpGuardOptions<Subject, Rest>;
  /** The service, bound to the request. */
  readonly locks: () => LockService;
  /** Runs the handler; without a lock where the request passes unguarded. */
  readonly handle: (lock: Lock | undefined) => Promise<Response>;
  readonly problem: (problem: Problem) => Response;
  /** Called before the response of the handler is replaced. */
  readonly discard?: () => void;
}

/** The response to a request: its handler's, run under the lock, or the answer in its place. */
export async function guarded<Subject, Rest extends readonly unknown[]>(
  call: GuardedCall<Subject, Rest>,
): Promise<Response> {
  const { request, subject, rest, options } = call;
  if (request.method === "OPTIONS") return call.handle(undefined);
  const key = typeof options.key === "function" ? await options.key(subject, ...rest) : options.key;
  if (key === null) return call.handle(undefined);
  // An invalid key that was derived from the request is the client's mistake, not the program's.
  const isFromRequest = typeof options.key === "function";
  if (isFromRequest && isText(key) && !isLockable(key)) return call.problem(BAD_KEY);
  const lock = await acquire(call, key);
  if (lock instanceof Response) return lock;
  return lock === null ? call.handle(undefined) : handleUnder(call, lock);
}

/** A lock; the response to a failure; or null, to go on without a lock. */
async function acquire<Subject, Rest extends readonly unknown[]>(
  call: GuardedCall<Subject, Rest>,
  key: Keys,
): Promise<Lock | Response | null> {
  const service = call.locks();
  const own = checkKeys(key).filter((name) => holdsAlready(service, name));
  try {
    return await service.acquire(key, toAcquireOptions(call, own.length === 0));
  } catch (error) {
    if (isHeldByAnother(error) && own.includes(error.lockKey ?? "")) {
      const message = `${show(error.lockKey)} is held by this very request already: it would wait for itself`;
      throw new LockConfigurationError("key", message);
    }
    return answerTo(call, error);
  }
}

/** The response instead of the handler's; or null, to go on without a lock. */
async function answerTo<Subject, Rest extends readonly unknown[]>(
  { subject, rest, options, problem }: GuardedCall<Subject, Rest>,
  error: unknown,
): Promise<Response | null> {
  const { onLocked, status = 409, onUnavailable } = options;
  if (isHeldByAnother(error)) {
    return onLocked?.(subject, error, ...rest) ?? problem(busy(status, error));
  }
  if (!isLockError(error, "LOCK_ACQUISITION")) throw error;
  return onUnavailable === "continue" && error.reason === "error" ? null : problem(UNAVAILABLE);
}

/** Without `retry` and `waitTimeout`, and where it may wait for itself, a held lock is refused at once. */
function toAcquireOptions<Subject, Rest extends readonly unknown[]>(
  { request, subject, rest, options }: GuardedCall<Subject, Rest>,
  mayWait: boolean,
): AcquireOptions {
  const { ttl, waitTimeout, autoRenew, retry, trace } = options;
  const isPatient = mayWait && (waitTimeout !== undefined || retry !== undefined);
  return {
    ttl,
    waitTimeout,
    autoRenew,
    retry: isPatient ? retry : { maxRetries: 0 },
    trace: typeof trace === "function" ? fitTrace(trace(subject, ...rest) ?? "") : trace,
    // Where nobody waits, there is nothing to cancel; and Deno warns whoever looks at it.
    ...(isPatient ? { signal: request.signal } : {}),
  };
}

async function handleUnder<Subject, Rest extends readonly unknown[]>(
  call: GuardedCall<Subject, Rest>,
  lock: Lock,
): Promise<Response> {
  const { hold, release, onLost } = call.options;
  const letGo = (): Promise<void> => lock[Symbol.asyncDispose]();
  const [response, isHeld] = await releaseOnError(lock, async () => {
    const handled = await call.handle(lock);
    const held = hold === "response" ? heldResponse(call.request, handled, letGo) : undefined;
    return [held ?? handled, held !== undefined] as const;
  });
  // waitUntil has covered the lock since before it was acquired.
  if (!isHeld && release === "background") void letGo();
  if (isHeld || release === "background") return response;
  try {
    await concludeWork(lock, undefined);
    return response;
  } catch (error) {
    if (!isLockError(error, "LOCK_LOST")) throw error;
    call.discard?.();
    const answer = onLost?.(call.subject, error, ...call.rest) ?? call.problem(LOST);
    return replaced(response, await answer);
  }
}

function isText(key: Keys): boolean {
  return typeof key === "string" || (Array.isArray(key) && key.length > 0 && key.every(isText));
}

function isLockable(key: Keys): boolean {
  try {
    checkKeys(key);
    return true;
  } catch {
    return false;
  }
}
