import type { Context, MiddlewareHandler } from "hono";
import { checkType, show } from "../check.ts";
import { LockAcquisitionError, LockConfigurationError, LockLostError } from "../errors.ts";
import { checkKeys } from "../key.ts";
import { checkDeclaredOptions, type LockOptions } from "../lock-options.ts";
import { concludeWork, type Lock } from "../lock.ts";
import { canHoldResponse, holdResponse } from "./hold-response.ts";
import type { LocksVariables } from "./locks.ts";
import {
  BUSY_STATUSES,
  badKeyProblem,
  busyProblem,
  lostProblem,
  unavailableProblem,
  type BusyStatus,
} from "./problem.ts";

/** What {@link withLock} puts into `c.var`. */
export type GuardVariables = {
  /** The lock the handler runs under. Absent where the guard was skipped. */
  lock: Lock;
};

/** What a guarded handler finds in `c.var`. */
type GuardEnv = { Variables: LocksVariables & GuardVariables };

type Keys = string | readonly string[];

/** Options of the guard. Without `retry` and `waitTimeout` a held lock is refused at once. */
export interface GuardOptions extends Omit<LockOptions, "signal" | "trace"> {
  /** The key, or several, all or none; null lets the request pass unguarded. */
  readonly key: Keys | ((c: Context) => Keys | null | Promise<Keys | null>);
  readonly trace?: string | ((c: Context) => string);
  /** Status when another holds the lock. @default 409 */
  readonly status?: BusyStatus;
  /** Answers instead, when another holds the lock. */
  readonly onLocked?: (c: Context, error: LockAcquisitionError) => Response | Promise<Response>;
  /** Answers instead, when the lock was lost during the work. */
  readonly onLost?: (c: Context, error: LockLostError) => Response | Promise<Response>;
  /** When the database gives no answer: `refuse` with 503, or `continue` without a lock. @default "refuse" */
  readonly onUnavailable?: "refuse" | "continue";
  /** Until when the lock is held: the handler's return, or the end of the body. @default "handler" */
  readonly hold?: "handler" | "response";
  /**
   * `wait` answers after the release; `background` before, one round trip sooner, so that the same
   * client's next request may meet a 409, and a loss no longer changes the answer. @default "wait"
   */
  readonly release?: "wait" | "background";
}

const CROSS_ORIGIN = /^(?:access-control-.*|vary)$/;

/** Which keys a request holds through its guards. */
const guarded: WeakMap<Context, Set<string>> = new WeakMap();

/**
 * Guards a handler: one request at a time for each key, everywhere. Needs `locks()` before it.
 *
 * @throws LockConfigurationError naming the option and its value
 * @example
 * app.post("/orders/:id/pay", withLock({ key: (c) => `pay:${c.req.param("id")}` }), handler);
 */
export function withLock(options: GuardOptions): MiddlewareHandler<GuardEnv> {
  checkGuardOptions(options);
  return async (c, next) => {
    if (c.req.method === "OPTIONS") return next();
    const key = typeof options.key === "function" ? await options.key(c) : options.key;
    if (key === null) return next();
    // What a visitor sent may be no key: that is the visitor's mistake, not the program's.
    if (typeof options.key === "function" && isText(key) && !isLockable(key))
      return badKeyProblem(c);
    const own = guarded.get(c) ?? new Set();
    guarded.set(c, own);
    const keys = claimKeys(own, key);
    try {
      const lock = await acquire(c, options, keys);
      if (lock instanceof Response) return lock;
      if (lock === null) return await next();
      c.set("lock", lock);
      await runGuarded(c, lock, next, options);
    } finally {
      for (const name of keys) own.delete(name);
    }
    return;
  };
}

/** A lock; an answer to give instead; or null, to go on without. */
async function acquire(
  c: Context,
  options: GuardOptions,
  keys: readonly string[],
): Promise<Lock | Response | null> {
  const { ttl, waitTimeout, retry, autoRenew, trace } = options;
  const service: LocksVariables["locks"] | undefined = c.get("locks");
  if (service === undefined) {
    throw new LockConfigurationError("locks", "withLock() needs app.use(locks(…)) before it");
  }
  const isPatient = waitTimeout !== undefined || retry !== undefined;
  try {
    return await service.acquire(keys, {
      ...(ttl === undefined ? {} : { ttl }),
      ...(waitTimeout === undefined ? {} : { waitTimeout }),
      ...(autoRenew === undefined ? {} : { autoRenew }),
      ...(trace === undefined ? {} : { trace: typeof trace === "string" ? trace : trace(c) }),
      ...(isPatient ? (retry === undefined ? {} : { retry }) : { retry: { maxRetries: 0 } }),
      signal: c.req.raw.signal,
    });
  } catch (error) {
    if (!(error instanceof LockAcquisitionError)) throw error;
    if (error.reason === "held" || error.reason === "timeout") {
      return options.onLocked?.(c, error) ?? busyProblem(c, options.status ?? 409, error);
    }
    const mayContinue = options.onUnavailable === "continue" && error.reason === "error";
    return mayContinue ? null : unavailableProblem(c);
  }
}

async function runGuarded(
  c: Context,
  lock: Lock,
  next: () => Promise<void>,
  options: GuardOptions,
): Promise<void> {
  try {
    await next();
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
  // A handler's error does not get here as an exception: Hono has answered it, and that stands.
  if (c.error !== undefined) {
    await lock[Symbol.asyncDispose]();
  } else if (options.hold === "response" && canHoldResponse(c)) {
    c.res = holdResponse(c.res, () => lock[Symbol.asyncDispose]());
  } else if (options.release === "background") {
    // waitUntil knows of the lock since before it was acquired.
    void lock[Symbol.asyncDispose]();
  } else {
    await concludeOrReplace(c, lock, options);
  }
}

async function concludeOrReplace(c: Context, lock: Lock, { onLost }: GuardOptions): Promise<void> {
  try {
    await concludeWork(lock, undefined);
  } catch (error) {
    if (!(error instanceof LockLostError)) throw error;
    // Hono copies the headers of the answer so far into the next: none must stay of one that no
    // longer counts, but those that let a browser read the new one.
    const { body } = c.res;
    const headers = [...c.res.headers].filter(([name]) => CROSS_ORIGIN.test(name));
    c.res = undefined;
    c.res = new Response(null, { headers });
    c.res = (await onLost?.(c, error)) ?? lostProblem(c);
    // A stream nobody will read must not keep its source open.
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

function claimKeys(own: Set<string>, key: Keys): readonly string[] {
  const keys = checkKeys(key);
  const twice = keys.find((name) => own.has(name));
  if (twice !== undefined) {
    throw new LockConfigurationError(
      "key",
      `${show(twice)} is held by this very request, through another guard: it would wait for itself`,
    );
  }
  for (const name of keys) own.add(name);
  return keys;
}

function checkGuardOptions(options: GuardOptions): void {
  checkType("options", options, "object");
  const { key, trace, status, onLocked, onLost, onUnavailable, hold, release, ...lock } = options;
  if (typeof key !== "function") checkKeys(key);
  checkDeclaredOptions(typeof trace === "string" ? { ...lock, trace } : lock);
  if (trace !== undefined && typeof trace !== "string") checkType("trace", trace, "function");
  if (onLocked !== undefined) checkType("onLocked", onLocked, "function");
  if (onLost !== undefined) checkType("onLost", onLost, "function");
  checkOneOf("status", status, BUSY_STATUSES);
  checkOneOf("onUnavailable", onUnavailable, ["refuse", "continue"]);
  checkOneOf("hold", hold, ["handler", "response"]);
  checkOneOf("release", release, ["wait", "background"]);
}

function checkOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (value === undefined || allowed.includes(value)) return;
  const list = allowed.map(show).join(", ");
  throw new LockConfigurationError(option, `must be one of ${list}, but is ${show(value)}`);
}
