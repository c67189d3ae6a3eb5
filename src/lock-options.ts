import type { RetryOptions } from "./backoff.ts";
import {
  MAX_MS,
  MIN_TTL_MS,
  checkInteger,
  checkNumber,
  checkSignal,
  checkTtl,
  checkType,
  show,
} from "./check.ts";
import type { Database } from "./database.ts";
import { LockConfigurationError } from "./errors.ts";
import type { RenewalPlan } from "./holding.ts";
import { checkKeyPrefix, checkTrace } from "./key.ts";
import { MIN_RENEWAL_GAP_MS } from "./lease.ts";
import { systemRuntime, type Runtime } from "./runtime.ts";

/** How a held lock is kept beyond its TTL. */
export interface AutoRenewOptions {
  /** @default true */
  readonly enabled?: boolean;
  /** Time between renewals as a part of the TTL, 0.05 to 0.9; at least 200 ms. @default 1 / 3 */
  readonly intervalFraction?: number;
  /** Renewal stops this long after the acquisition, in ms. @default 900_000 */
  readonly maxHold?: number;
}

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
  readonly keyPrefix?: string;
  /** TTL of a lock that names none. @default 30_000 */
  readonly defaultTtl?: number;
  /** No call may ask for more. @default 300_000 */
  readonly maxTtl?: number;
  readonly retry?: RetryOptions;
  readonly autoRenew?: boolean | AutoRenewOptions;
  /** Clock, timers and randomness; another one is for tests. */
  readonly runtime?: Runtime;
}

/** Options of one acquisition; times in ms. What is left out comes from the service. */
export interface LockOptions {
  /** How long the lock lives without renewal: 100 to `maxTtl`. */
  readonly ttl?: number;
  /** Waits this long for a held lock; alone (without `retry.maxRetries`) it retries until then. */
  readonly waitTimeout?: number;
  readonly retry?: RetryOptions;
  readonly autoRenew?: boolean | AutoRenewOptions;
  /** Who or what holds the lock, for people: up to 256 bytes, without `@`. */
  readonly trace?: string;
  /** Cancels waiting for the lock; never a release. */
  readonly signal?: AbortSignal;
}

/** The service's options, checked and complete. */
export interface Settings extends LockContext {
  readonly database: Database;
  readonly runtime: Runtime;
  readonly keyPrefix: string;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly retry: Required<RetryOptions>;
  readonly autoRenew: Required<AutoRenewOptions>;
}

/** One call's wishes, checked and complete. */
export interface Wish {
  readonly ttl: number;
  /** How long the holder counts as alive without renewal; cut to the TTL. */
  readonly livenessMs: number;
  readonly retry: Required<RetryOptions>;
  /** Undefined: as long as the retries take. */
  readonly waitTimeout: number | undefined;
  readonly renewal: RenewalPlan;
  readonly trace: string | undefined;
  readonly signals: readonly AbortSignal[];
}

const DEFAULT_RETRY: Required<RetryOptions> = {
  maxRetries: 3,
  initialDelay: 100,
  maxDelay: 3_000,
  multiplier: 2,
  jitter: true,
};
const DEFAULT_AUTO_RENEW: Required<AutoRenewOptions> = {
  enabled: true,
  intervalFraction: 1 / 3,
  maxHold: 900_000,
};

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
    retry: checkRetry(retry, DEFAULT_RETRY),
    autoRenew: checkAutoRenew(autoRenew, DEFAULT_AUTO_RENEW),
    ...checkContext(options),
  };
}

/** @throws LockConfigurationError naming the option */
export function checkContext({ waitUntil, deadline, signal }: LockContext): LockContext {
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
  const retry = checkRetry(options.retry, settings.retry);
  const isTimeBound = waitTimeout !== undefined && options.retry?.maxRetries === undefined;
  return {
    ttl,
    livenessMs: ttl,
    waitTimeout,
    retry: isTimeBound ? { ...retry, maxRetries: Infinity } : retry,
    renewal: planRenewal(ttl, options.autoRenew, settings),
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
  checkRetry(retry, DEFAULT_RETRY);
  checkAutoRenew(autoRenew, DEFAULT_AUTO_RENEW);
}

/** The deadline leaves too little to be worth a request. */
export function deadlineError({ deadline, runtime }: Settings): LockConfigurationError {
  const left = (deadline?.getTime() ?? 0) - runtime.now().wall;
  const when = left <= 0 ? "is past" : `leaves only ${left} ms`;
  return new LockConfigurationError("deadline", `${deadline?.toISOString()} ${when}`);
}

function planRenewal(
  ttl: number,
  wanted: LockOptions["autoRenew"],
  settings: Settings,
): RenewalPlan {
  const { enabled, intervalFraction, maxHold } = checkAutoRenew(wanted, settings.autoRenew);
  const intervalMs = Math.max(Math.floor(ttl * intervalFraction), MIN_RENEWAL_GAP_MS);
  // A TTL that ends before its first renewal could be answered is left to end.
  const isRenewable = intervalMs + MIN_TTL_MS <= ttl;
  const isAsked = wanted === true || (typeof wanted === "object" && wanted.enabled === true);
  if (isAsked && !isRenewable) {
    throw new LockConfigurationError(
      "autoRenew",
      `a ttl of ${ttl} ms is too short to be renewed every ${intervalMs} ms`,
    );
  }
  return {
    enabled: enabled && isRenewable,
    onlyLiveness: false,
    intervalMs,
    maxHoldMs: maxHold,
  };
}

function checkRetry(
  retry: RetryOptions | undefined,
  defaults: Required<RetryOptions>,
): Required<RetryOptions> {
  if (retry === undefined) return defaults;
  checkType("retry", retry, "object");
  const {
    maxRetries = defaults.maxRetries,
    initialDelay = defaults.initialDelay,
    maxDelay = defaults.maxDelay,
    multiplier = defaults.multiplier,
    jitter = defaults.jitter,
  } = retry;
  checkType("retry.jitter", jitter, "boolean");
  return {
    maxRetries: checkInteger("retry.maxRetries", maxRetries, 0),
    initialDelay: checkInteger("retry.initialDelay", initialDelay, 1),
    maxDelay: checkInteger("retry.maxDelay", maxDelay, 1),
    multiplier: checkNumber("retry.multiplier", multiplier, 1, 100),
    jitter,
  };
}

function checkAutoRenew(
  autoRenew: boolean | AutoRenewOptions | undefined,
  defaults: Required<AutoRenewOptions>,
): Required<AutoRenewOptions> {
  if (autoRenew === undefined) return defaults;
  if (typeof autoRenew === "boolean") return { ...defaults, enabled: autoRenew };
  checkType("autoRenew", autoRenew, "object");
  const {
    enabled = defaults.enabled,
    intervalFraction = defaults.intervalFraction,
    maxHold = defaults.maxHold,
  } = autoRenew;
  checkType("autoRenew.enabled", enabled, "boolean");
  return {
    enabled,
    intervalFraction: checkNumber("autoRenew.intervalFraction", intervalFraction, 0.05, 0.9),
    maxHold: checkInteger("autoRenew.maxHold", maxHold, MIN_TTL_MS),
  };
}
