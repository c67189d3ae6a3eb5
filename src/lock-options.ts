import {
  DEFAULT_AUTO_RENEW,
  checkAutoRenew,
  planRenewal,
  type AutoRenew,
  type AutoRenewOptions,
  type RenewalPlan,
} from "./auto-renew.ts";
import { DEFAULT_RETRY, planRetry, type RetryOptions, type RetryPlan } from "./retry.ts";
import { MAX_MS, checkInteger, checkSignal, checkTtl, checkType, show } from "./check.ts";
import type { Database } from "./database/database.ts";
import { LockConfigurationError } from "./errors.ts";
import { checkKeyPrefix, checkTrace } from "./key.ts";
import { systemRuntime, type Runtime } from "./runtime.ts";

/** What ties locks to one request. */
export interface LockContext {
  /**
   * The platform's `waitUntil`, bound: `(p) => ctx.waitUntil(p)`. Without it nothing is promised
   * once the response is sent or the client has left.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** When the platform ends this invocation: no lock is asked for beyond. */
  readonly deadline?: Date | undefined;
  /** Cancels waiting for a lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a LockService; times in ms. */
export interface LockServiceOptions extends LockContext {
  readonly database: Database;
  /** Goes in front of every key. @default "" */
  readonly keyPrefix?: string | undefined;
  /** TTL of a lock that names none. @default 30_000 */
  readonly defaultTtl?: number | undefined;
  /** No call may ask for more. @default 300_000 */
  readonly maxTtl?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly autoRenew?: boolean | AutoRenewOptions | undefined;
  /** Clock, timers and randomness; another one is for tests. */
  readonly runtime?: Runtime | undefined;
}

/** Options of one acquisition; times in ms. What is left out comes from the service. */
export interface LockOptions {
  /** How long the lock lives without renewal: 100 to `maxTtl`. */
  readonly ttl?: number | undefined;
  /** Waits this long for a held lock; alone (without `retry.maxRetries`) it retries until then. */
  readonly waitTimeout?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly autoRenew?: boolean | AutoRenewOptions | undefined;
  /** Who or what holds the lock, for people: up to 256 bytes, without `@`. */
  readonly trace?: string | undefined;
  /** Cancels waiting for the lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** The service's options, checked and complete. */
export interface Settings extends LockContext {
  readonly database: Database;
  readonly runtime: Runtime;
  readonly keyPrefix: string;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly retry: RetryPlan;
  readonly autoRenew: AutoRenew;
}

/** One call's wishes, checked and complete. */
export interface Wish {
  readonly ttl: number;
  /** How long the holder counts as alive without renewal; cut to the TTL. */
  readonly livenessMs: number;
  readonly retry: RetryPlan;
  /** Undefined: as long as the retries take. */
  readonly waitTimeout: number | undefined;
  readonly renewal: RenewalPlan;
  readonly trace: string | undefined;
  readonly signals: readonly AbortSignal[];
}

/** @throws LockConfigurationError naming the option */
export function checkServiceOptions(options: LockServiceOptions): Settings {
  checkType("options", options, "object");
  const { database, runtime = systemRuntime, keyPrefix = "", retry, autoRenew } = options;
  const { defaultTtl = 30_000, maxTtl = 300_000 } = options;
  if (typeof database?.acquire !== "function") {
    throw new LockConfigurationError(
      "database",
      `must be a Database, such as new RedisDatabase(…), but is ${show(database)}`,
    );
  }
  checkTtl("maxTtl", maxTtl, MAX_MS);
  // A lower maxTtl lowers the default with it; only a contradiction in one call is an error.
  const ttl = options.defaultTtl === undefined ? Math.min(defaultTtl, maxTtl) : defaultTtl;
  return {
    database,
    runtime,
    keyPrefix: checkKeyPrefix(keyPrefix),
    maxTtl,
    defaultTtl: checkTtl("defaultTtl", ttl, maxTtl),
    retry: planRetry(retry, DEFAULT_RETRY),
    autoRenew: checkAutoRenew(autoRenew, DEFAULT_AUTO_RENEW),
    ...checkContext(options),
  };
}

/** @throws LockConfigurationError naming the option */
function checkContext({ waitUntil, deadline, signal }: LockContext): LockContext {
  if (waitUntil !== undefined) checkType("waitUntil", waitUntil, "function");
  if (signal !== undefined) checkSignal("signal", signal);
  if (deadline !== undefined && !(deadline instanceof Date && !Number.isNaN(deadline.getTime()))) {
    throw new LockConfigurationError("deadline", `must be a valid Date, but is ${show(deadline)}`);
  }
  return { waitUntil, deadline, signal };
}

/** @throws LockConfigurationError naming the option */
export function checkLockOptions(options: LockOptions, settings: Settings): Wish {
  checkType("options", options, "object");
  const { ttl = settings.defaultTtl, waitTimeout, trace, signal } = options;
  checkTtl("ttl", ttl, settings.maxTtl);
  if (waitTimeout !== undefined) checkInteger("waitTimeout", waitTimeout, 0);
  if (signal !== undefined) checkSignal("signal", signal);
  const retry = planRetry(options.retry, settings.retry);
  const isTimeBound = waitTimeout !== undefined && options.retry?.maxRetries === undefined;
  return {
    ttl,
    livenessMs: ttl,
    waitTimeout,
    retry: isTimeBound ? { ...retry, maxRetries: Infinity } : retry,
    renewal: planRenewal(ttl, options.autoRenew, settings.autoRenew),
    trace: trace === undefined ? undefined : checkTrace(trace) || undefined,
    signals: [signal, settings.signal].filter((source) => source !== undefined),
  };
}

/**
 * Checks the options of a lock where they are declared, before there is a service to ask: a TTL above
 * the service's `maxTtl` shows later.
 *
 * @throws LockConfigurationError naming the option
 */
export function checkDeclaredOptions(options: LockOptions): void {
  const { ttl, waitTimeout, retry, autoRenew, trace, signal } = options;
  if (ttl !== undefined) checkTtl("ttl", ttl, MAX_MS);
  if (waitTimeout !== undefined) checkInteger("waitTimeout", waitTimeout, 0);
  if (signal !== undefined) checkSignal("signal", signal);
  if (trace !== undefined) checkTrace(trace);
  planRetry(retry, DEFAULT_RETRY);
  checkAutoRenew(autoRenew, DEFAULT_AUTO_RENEW);
}

/** The deadline leaves too little to be worth a request. */
export function deadlineError({ deadline, runtime }: Settings): LockConfigurationError {
  const left = (deadline?.getTime() ?? 0) - runtime.now().wall;
  const when = left <= 0 ? "is past" : `leaves only ${left} ms`;
  return new LockConfigurationError("deadline", `${deadline?.toISOString()} ${when}`);
}
