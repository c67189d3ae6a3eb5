import type { Context, MiddlewareHandler } from "hono";
import { checkOneOf, checkOptions, checkType, show, type OptionNames } from "../check.ts";
import {
  LockConfigurationError,
  isHeldByAnother,
  isLockError,
  type LockAcquisitionError,
  type LockLostError,
} from "../errors.ts";
import { BUSY_STATUSES, type BusyStatus } from "../http/problem.ts";
import { checkKeys, fitTrace } from "../key.ts";
import { checkDeclaredOptions, type AcquireOptions } from "../lock-options.ts";
import { concludeWork, releaseOnError, type Lock } from "../lock.ts";
import { holdResponse } from "./hold-response.ts";
import { holdsAlready, type LocksVariables } from "./locks.ts";
import { badKeyProblem, busyProblem, lostProblem, unavailableProblem } from "./problem.ts";

/** What {@link withLock} puts into `c.var`. */
export type GuardVariables = {
  /** The lock the handler runs under. */
  lock: Lock;
};

/** What a guarded handler finds in `c.var`. */
type GuardEnv<V> = { Variables: LocksVariables & V };

type Keys = string | readonly string[];

/** Options of the guard. Without `retry` and `waitTimeout` a held lock is refused at once. */
export interface GuardOptions extends Omit<AcquireOptions, "signal" | "trace"> {
  /** The key, or several, all or none; null lets the request pass unguarded. */
  readonly key: Keys | ((c: Context) => Keys | null | Promise<Keys | null>);
  /** Who holds the lock, for humans to read. What a function makes of the request is made to fit. */
  readonly trace?: (string | ((c: Context) => string | undefined)) | undefined;
  /** Status when another holds the lock. @default 409 */
  readonly status?: BusyStatus | undefined;
  /** Responds instead, when another holds the lock. */
  readonly onLocked?:
    ((c: Context, error: LockAcquisitionError) => Response | Promise<Response>) | undefined;
  /** Responds instead, when the lock was lost during the work. */
  readonly onLost?:
    ((c: Context, error: LockLostError) => Response | Promise<Response>) | undefined;
  /** When the database gives no answer: `refuse` with 503, or `continue` without a lock. @default "refuse" */
  readonly onUnavailable?: "refuse" | "continue" | undefined;
  /** How long the lock is held: until the handler returns, or until the body ends. @default "handler" */
  readonly hold?: "handler" | "response" | undefined;
  /**
   * `wait` responds after the release; `background` before it, one round trip sooner: then the next
   * request of the same client may meet a 409, and a loss no longer changes the response. @default "wait"
   */
  readonly release?: "wait" | "background" | undefined;
}

/** Options that let no request pass without a lock. */
type AlwaysLocking = GuardOptions & {
  readonly key: Keys | ((c: Context) => Keys | Promise<Keys>);
  readonly onUnavailable?: "refuse" | undefined;
};

const GUARD_OPTIONS: OptionNames<GuardOptions> = {
  key: true,
  ttl: true,
  waitTimeout: true,
  retry: true,
  autoRenew: true,
  trace: true,
  status: true,
  onLocked: true,
  onLost: true,
  onUnavailable: true,
  hold: true,
  release: true,
};

const CROSS_ORIGIN = /^(?:access-control-.*|vary)$/;

/**
 * Guards a handler: one request at a time for each key, everywhere. Needs `locks()` before it.
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * app.post("/orders/:id/pay", withLock({ key: (c) => `pay:${c.req.param("id")}` }), handler);
 */
export function withLock(options: AlwaysLocking): MiddlewareHandler<GuardEnv<GuardVariables>>;
/** Where the guard may let a request pass without a lock, `c.var.lock` may be undefined. */
export function withLock(
  options: GuardOptions,
): MiddlewareHandler<GuardEnv<Partial<GuardVariables>>>;
export function withLock(options: GuardOptions): MiddlewareHandler {
  checkGuardOptions(options);
  return async (c, next) => {
    if (c.req.method === "OPTIONS") return next();
    const key = typeof options.key === "function" ? await options.key(c) : options.key;
    if (key === null) return next();
    // An invalid key that was derived from the request is the client's mistake, not the program's.
    const isFromRequest = typeof options.key === "function";
    if (isFromRequest && isText(key) && !isLockable(key)) return badKeyProblem(c);
    const lock = await acquire(c, options, key);
    if (lock instanceof Response) return lock;
    if (lock === null) return next();
    c.set("lock", lock);
    await runGuarded(c, lock, next, options);
    return;
  };
}

/** A lock; the response to a failure; or null, to go on without a lock. */
async function acquire(
  c: Context,
  options: GuardOptions,
  key: Keys,
): Promise<Lock | Response | null> {
  const service: LocksVariables["locks"] | undefined = c.get("locks");
  if (service === undefined) {
    throw new LockConfigurationError("locks", "withLock() needs app.use(locks(…)) before it");
  }
  const own = checkKeys(key).filter((name) => holdsAlready(service, name));
  try {
    return await service.acquire(key, toAcquireOptions(c, options, own.length === 0));
  } catch (error) {
    if (isHeldByAnother(error) && own.includes(error.lockKey ?? "")) {
      const message = `${show(error.lockKey)} is held by this very request already: it would wait for itself`;
      throw new LockConfigurationError("key", message);
    }
    return answerTo(c, error, options);
  }
}

/** Without `retry` and `waitTimeout`, and where it may wait for itself, a held lock is refused at once. */
function toAcquireOptions(c: Context, options: GuardOptions, mayWait: boolean): AcquireOptions {
  const { ttl, waitTimeout, autoRenew, retry, trace } = options;
  const isPatient = mayWait && (waitTimeout !== undefined || retry !== undefined);
  return {
    ttl,
    waitTimeout,
    autoRenew,
    retry: isPatient ? retry : { maxRetries: 0 },
    trace: typeof trace === "function" ? fitTrace(trace(c) ?? "") : trace,
    // Where nobody waits, there is nothing to cancel; and Deno warns whoever looks at it.
    ...(isPatient ? { signal: c.req.raw.signal } : {}),
  };
}

/** The response instead of the handler's; or null, to go on without a lock. */
async function answerTo(
  c: Context,
  error: unknown,
  { onLocked, status = 409, onUnavailable }: GuardOptions,
): Promise<Response | null> {
  if (isHeldByAnother(error)) return onLocked?.(c, error) ?? busyProblem(c, status, error);
  if (!isLockError(error, "LOCK_ACQUISITION")) throw error;
  return onUnavailable === "continue" && error.reason === "error" ? null : unavailableProblem(c);
}

async function runGuarded(
  c: Context,
  lock: Lock,
  next: () => Promise<void>,
  options: GuardOptions,
): Promise<void> {
  const release = (): Promise<void> => lock[Symbol.asyncDispose]();
  await releaseOnError(lock, next);
  // An error of the handler is not thrown here: Hono has turned it into a response, which stands.
  if (c.error !== undefined) {
    await release();
    return;
  }
  if (options.hold === "response" && holdResponse(c, release)) return;
  if (options.release !== "background") {
    await concludeOrReplace(c, lock, options);
    return;
  }
  // waitUntil has covered the lock since before it was acquired.
  void release();
}

async function concludeOrReplace(c: Context, lock: Lock, { onLost }: GuardOptions): Promise<void> {
  try {
    await concludeWork(lock, undefined);
  } catch (error) {
    if (!isLockError(error, "LOCK_LOST")) throw error;
    // Hono copies the headers of the current response into the next. None may survive of a response
    // that no longer counts, but those that let a browser read the new one.
    const { body } = c.res;
    const headers = [...c.res.headers].filter(([name]) => CROSS_ORIGIN.test(name));
    c.res = undefined;
    c.res = new Response(null, { headers });
    c.res = (await onLost?.(c, error)) ?? lostProblem(c);
    // A stream that nobody will read must not keep its source open.
    if (body?.locked === false) await body.cancel().catch(() => undefined);
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

function checkGuardOptions(options: GuardOptions): void {
  checkOptions("withLock", options, GUARD_OPTIONS);
  const { key, trace, onLocked, onLost, ...others } = options;
  const {
    status = 409,
    onUnavailable = "refuse",
    hold = "handler",
    release = "wait",
    ...lock
  } = others;
  if (typeof key !== "function") checkKeys(key);
  checkDeclaredOptions(typeof trace === "function" ? lock : { ...lock, trace });
  if (onLocked !== undefined) checkType("onLocked", onLocked, "function");
  if (onLost !== undefined) checkType("onLost", onLost, "function");
  checkOneOf("status", status, BUSY_STATUSES);
  checkOneOf("onUnavailable", onUnavailable, ["refuse", "continue"]);
  checkOneOf("hold", hold, ["handler", "response"]);
  checkOneOf("release", release, ["wait", "background"]);
}
