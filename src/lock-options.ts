import {
  DEFAULT_AUTO_RENEW,
  resolveAutoRenew,
  resolveRenewal,
  type AutoRenew,
  type AutoRenewOptions,
} from "./auto-renew.ts";
import { checkInteger, checkSignal, checkTtl, checkType, show } from "./check.ts";
import type { LockOperations } from "./database/operations.ts";
import { LockConfigurationError } from "./errors.ts";
import { Events } from "./events.ts";
import { checkKeyPrefix, checkTrace } from "./key.ts";
import type { LeaseTerms } from "./lease/terms.ts";
import type { LockEvent } from "./lock-events.ts";
import { DEFAULT_RETRY, resolveRetry, type RetryOptions, type RetryPlan } from "./retry.ts";
import { MAX_MS, systemRuntime, type Runtime } from "./runtime.ts";

/** What ties locks to one request. */
export interface LockContext {
  /**
   * The platform's `waitUntil`, bound: `(p) => ctx.waitUntil(p)`. Without it nothing is promised
   * once the response is sent or the client has left.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** When the platform ends this invocation: no lock is requested beyond it. */
  readonly deadline?: Date | undefined;
  /** Cancels waiting for a lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a LockService; times in ms. */
export interface LockServiceOptions extends LockContext {
  /** A Database, or anything else that implements its operations. */
  readonly database: LockOperations;
  /** Prepended to every key. @default "" */
  readonly keyPrefix?: string | undefined;
  /** TTL of a lock that names none. @default 30_000 */
  readonly defaultTtl?: number | undefined;
  /** No call may request more. @default 300_000 */
  readonly maxTtl?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly autoRenew?: boolean | AutoRenewOptions | undefined;
  /** Clock, timers and randomness; another one is for tests. */
  readonly runtime?: Runtime | undefined;
}

/** Options of one acquisition; times in ms. What is left out comes from the service. */
export interface LockOptions {
  /** How long the lock lasts without renewal: 100 to `maxTtl`. */
  readonly ttl?: number | undefined;
  /** Waits this long for a held lock; alone (without `retry.maxRetries`) it retries until then. */
  readonly waitTimeout?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly autoRenew?: boolean | AutoRenewOptions | undefined;
  /** Who or what holds the lock; informational: up to 256 bytes, without `@`. */
  readonly trace?: string | undefined;
  /** Cancels waiting for the lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of a service, checked and complete, and what it shares with those bound from it. */
export class ServiceSettings {
  readonly database: LockOperations;
  readonly runtime: Runtime;
  readonly keyPrefix: string;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly retry: RetryPlan;
  readonly autoRenew: AutoRenew;
  readonly waitUntil: LockContext["waitUntil"];
  readonly deadline: Date | undefined;
  readonly signal: AbortSignal | undefined;
  readonly events: Events<LockEvent>;
  /** Whether the locks of the service belong to one request. */
  readonly isBound: boolean;
  /** What a call without options requests. */
  readonly defaults: LeaseTerms;
  readonly #options: LockServiceOptions;

  /** @throws LockConfigurationError naming the option */
  constructor(options: LockServiceOptions, events?: Events<LockEvent>) {
    checkType("options", options, "object");
    const { database, runtime = systemRuntime, keyPrefix = "" } = options;
    const { defaultTtl = 30_000, maxTtl = 300_000 } = options;
    checkOperations(database);
    checkContext(options);
    checkTtl("maxTtl", maxTtl, MAX_MS);
    // A lower maxTtl lowers the default with it; only a contradiction in one call is an error.
    const ttl = options.defaultTtl === undefined ? Math.min(defaultTtl, maxTtl) : defaultTtl;
    this.#options = options;
    this.database = database;
    this.runtime = runtime;
    this.keyPrefix = checkKeyPrefix(keyPrefix);
    this.maxTtl = maxTtl;
    this.defaultTtl = checkTtl("defaultTtl", ttl, maxTtl);
    this.retry = resolveRetry(options.retry, DEFAULT_RETRY);
    this.autoRenew = resolveAutoRenew(options.autoRenew, DEFAULT_AUTO_RENEW);
    this.waitUntil = options.waitUntil;
    this.deadline = options.deadline;
    this.signal = options.signal;
    this.events = events ?? new Events<LockEvent>();
    this.isBound = events !== undefined;
    this.defaults = resolveTerms({}, this);
  }

  /** These settings for one request. What is left out stays as it was. */
  boundTo({ waitUntil, deadline, signal }: LockContext): ServiceSettings {
    const context = {
      waitUntil: waitUntil ?? this.waitUntil,
      deadline: deadline ?? this.deadline,
      signal: signal ?? this.signal,
    };
    return new ServiceSettings({ ...this.#options, ...context }, this.events);
  }
}

function checkOperations(database: unknown): void {
  const isObject = typeof database === "object" && database !== null;
  if (isObject && "acquire" in database && typeof database.acquire === "function") return;
  throw new LockConfigurationError(
    "database",
    `must be a Database, such as new RedisDatabase(…), but is ${show(database)}`,
  );
}

function checkContext({ waitUntil, deadline, signal }: LockContext): void {
  if (waitUntil !== undefined) checkType("waitUntil", waitUntil, "function");
  if (signal !== undefined) checkSignal("signal", signal);
  if (deadline !== undefined && !(deadline instanceof Date && !Number.isNaN(deadline.getTime()))) {
    throw new LockConfigurationError("deadline", `must be a valid Date, but is ${show(deadline)}`);
  }
}

/**
 * What a call with these options requests.
 *
 * @throws LockConfigurationError naming the option
 */
export function resolveTerms(
  options: LockOptions,
  settings: Omit<ServiceSettings, "defaults" | "boundTo">,
): LeaseTerms {
  checkType("options", options, "object");
  const { ttl = settings.defaultTtl, waitTimeout, trace, signal } = options;
  checkTtl("ttl", ttl, settings.maxTtl);
  if (waitTimeout !== undefined) checkInteger("waitTimeout", waitTimeout, 0);
  if (signal !== undefined) checkSignal("signal", signal);
  const retry = resolveRetry(options.retry, settings.retry);
  const isTimeBound = waitTimeout !== undefined && options.retry?.maxRetries === undefined;
  return {
    ttlMs: ttl,
    livenessMs: ttl,
    waitTimeout,
    retry: isTimeBound ? { ...retry, maxRetries: Infinity } : retry,
    renewal: resolveRenewal(ttl, options.autoRenew, settings.autoRenew),
    trace: trace === undefined ? undefined : checkTrace(trace) || undefined,
    deadline: settings.deadline,
    signals: [signal, settings.signal].filter((source) => source !== undefined),
  };
}

/**
 * Checks the options of a lock where they are declared, before there is a service: a TTL above its
 * `maxTtl` is noticed later.
 *
 * @throws LockConfigurationError naming the option
 */
export function checkDeclaredOptions(options: LockOptions): void {
  const { ttl, waitTimeout, retry, autoRenew, trace, signal } = options;
  if (ttl !== undefined) checkTtl("ttl", ttl, MAX_MS);
  if (waitTimeout !== undefined) checkInteger("waitTimeout", waitTimeout, 0);
  if (signal !== undefined) checkSignal("signal", signal);
  if (trace !== undefined) checkTrace(trace);
  resolveRetry(retry, DEFAULT_RETRY);
  resolveAutoRenew(autoRenew, DEFAULT_AUTO_RENEW);
}
