import {
  DEFAULT_AUTO_RENEW,
  resolveAutoRenew,
  resolveRenewal,
  type AutoRenew,
  type AutoRenewOptions,
} from "./auto-renew.ts";
import {
  checkInteger,
  checkOptions,
  checkSignal,
  checkTtl,
  checkType,
  show,
  type OptionNames,
} from "./check.ts";
import { checkOperations, type LockOperations } from "./database/operations.ts";
import { LockConfigurationError } from "./errors.ts";
import { Emitter } from "./events.ts";
import { checkKeyPrefix, checkTrace } from "./key.ts";
import { Session } from "./lease/session.ts";
import type { LeaseTerms } from "./lease/terms.ts";
import type { LockEvent } from "./lock-events.ts";
import { withBudget } from "./request-budget.ts";
import { DEFAULT_RETRY, resolveRetry, type RetryOptions, type RetryPlan } from "./retry.ts";
import { MAX_MS, systemRuntime, type Runtime } from "./runtime.ts";

/**
 * What ties locks to one request: the platform's own context, such as Cloudflare's `ExecutionContext`,
 * or these fields.
 */
export interface RequestContext {
  /**
   * The platform's `waitUntil`, called as a method of this object. Without it nothing is promised once
   * the response is sent or the client has disconnected.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** When the platform ends this invocation: no lock is requested beyond it. */
  readonly deadline?: Date | undefined;
  /** Cancels waiting for a lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a LockService; times in ms. */
export interface LockServiceOptions extends Omit<RequestContext, "waitUntil"> {
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
  /**
   * The platform's ambient `waitUntil`, such as that of `cloudflare:workers`, which belongs to whichever
   * request calls it. For that of a context: {@link LockService.forRequest}.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Emits `requestBudget` when a service bound by `forRequest` sends this many requests to the database. */
  readonly requestBudget?: number | undefined;
  /** Called with every event; the same as `events.subscribe(onEvent)`. */
  readonly onEvent?: ((event: LockEvent) => void) | undefined;
  /** Clock, timers and randomness; to be replaced in tests. */
  readonly runtime?: Runtime | undefined;
}

/** Options of one acquisition; times in ms. What is left out comes from the service. */
export interface AcquireOptions {
  /** How long the lock lasts without renewal: 100 to `maxTtl`. */
  readonly ttl?: number | undefined;
  /** Waits this long for a held lock; alone (without `retry.maxRetries`) it retries until then. */
  readonly waitTimeout?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly autoRenew?: boolean | AutoRenewOptions | undefined;
  /** Who or what holds the lock, for humans to read: up to 256 bytes. */
  readonly trace?: string | undefined;
  /** Cancels waiting for the lock; never a release. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of an acquisition that never waits. */
export type TryOptions = Omit<AcquireOptions, "retry" | "waitTimeout">;

export const SERVICE_OPTIONS: OptionNames<LockServiceOptions> = {
  database: true,
  keyPrefix: true,
  defaultTtl: true,
  maxTtl: true,
  retry: true,
  autoRenew: true,
  waitUntil: true,
  deadline: true,
  signal: true,
  requestBudget: true,
  onEvent: true,
  runtime: true,
};

export const ACQUIRE_OPTIONS: OptionNames<AcquireOptions> = {
  ttl: true,
  waitTimeout: true,
  retry: true,
  autoRenew: true,
  trace: true,
  signal: true,
};

/** The options of a service, checked and complete, and what it shares with those bound from it. */
export class ServiceSettings {
  readonly database: LockOperations;
  readonly runtime: Runtime;
  readonly keyPrefix: string;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly retry: RetryPlan;
  readonly autoRenew: AutoRenew;
  readonly waitUntil: LockServiceOptions["waitUntil"];
  readonly deadline: Date | undefined;
  readonly signal: AbortSignal | undefined;
  readonly requestBudget: number | undefined;
  readonly emitter: Emitter<LockEvent>;
  /** Whether the locks of the service belong to one request. */
  readonly isBound: boolean;
  /** What a call without options requests. */
  readonly defaults: LeaseTerms;

  /** @throws LockConfigurationError naming the option */
  constructor(options: LockServiceOptions, emitter?: Emitter<LockEvent>) {
    checkOptions("LockService", options, SERVICE_OPTIONS);
    const { database, runtime = systemRuntime, keyPrefix = "", onEvent } = options;
    const { defaultTtl = 30_000, maxTtl = 300_000, requestBudget } = options;
    checkOperations(database);
    checkContext(options);
    checkTtl("maxTtl", maxTtl, MAX_MS);
    // A lower maxTtl lowers the default with it; only a contradiction in one call is an error.
    const ttl = options.defaultTtl === undefined ? Math.min(defaultTtl, maxTtl) : defaultTtl;
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
    if (requestBudget !== undefined) checkInteger("requestBudget", requestBudget, 1);
    this.requestBudget = requestBudget;
    this.emitter = emitter ?? new Emitter<LockEvent>();
    this.isBound = emitter !== undefined;
    if (onEvent !== undefined) {
      checkType("onEvent", onEvent, "function");
      this.emitter.events.subscribe(onEvent);
    }
    this.defaults = resolveTerms({}, this);
  }

  /** What a call with these options requests. @throws LockConfigurationError naming the option */
  terms(options: AcquireOptions | undefined): LeaseTerms {
    return options === undefined ? this.defaults : resolveTerms(options, this);
  }

  openSession(database: LockOperations = this.database): Session {
    const { runtime, waitUntil, keyPrefix, emitter } = this;
    const emit = (event: LockEvent): void => emitter.emit(event);
    return new Session({ database, runtime, waitUntil, keyPrefix, emit });
  }

  /** These settings for one request, which has one budget, however often it is bound. */
  boundTo(context: RequestContext): ServiceSettings {
    checkType("context", context, "object");
    const { waitUntil, deadline = this.deadline, signal = this.signal } = context;
    if (waitUntil !== undefined) checkType("waitUntil", waitUntil, "function");
    const bound = {
      // As a method: detached, the platform's own throws "Illegal invocation".
      waitUntil:
        waitUntil === undefined
          ? this.waitUntil
          : (promise: Promise<unknown>): void => context.waitUntil?.(promise),
      deadline,
      signal,
    };
    const { runtime, keyPrefix, defaultTtl, maxTtl, retry, autoRenew } = this;
    const options = { runtime, keyPrefix, defaultTtl, maxTtl, retry, autoRenew };
    return new ServiceSettings({ ...options, ...bound, database: withBudget(this) }, this.emitter);
  }
}

function checkContext({ waitUntil, deadline, signal }: LockServiceOptions): void {
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
  options: AcquireOptions,
  settings: Pick<
    ServiceSettings,
    "defaultTtl" | "maxTtl" | "retry" | "autoRenew" | "deadline" | "signal"
  >,
): LeaseTerms {
  checkOptions("an acquisition", options, ACQUIRE_OPTIONS);
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

/** The same for a call that never waits. */
export function withoutWaiting(terms: LeaseTerms): LeaseTerms {
  return { ...terms, waitTimeout: 0, retry: { ...terms.retry, maxRetries: 0 } };
}

/**
 * Checks the options of a lock where they are declared, before there is a service: a TTL above its
 * `maxTtl` is noticed later.
 *
 * @throws LockConfigurationError naming the option
 */
export function checkDeclaredOptions(options: AcquireOptions): void {
  const { ttl, waitTimeout, retry, autoRenew, trace, signal } = options;
  if (ttl !== undefined) checkTtl("ttl", ttl, MAX_MS);
  if (waitTimeout !== undefined) checkInteger("waitTimeout", waitTimeout, 0);
  if (signal !== undefined) checkSignal("signal", signal);
  if (trace !== undefined) checkTrace(trace);
  resolveRetry(retry, DEFAULT_RETRY);
  resolveAutoRenew(autoRenew, DEFAULT_AUTO_RENEW);
}
