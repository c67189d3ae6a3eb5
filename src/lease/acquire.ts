import { Acquisition, type Attempt } from "./attempt.ts";
import { backoffDelay } from "../retry.ts";
import { MIN_TTL_MS } from "../check.ts";
import { DatabaseError, LockAcquisitionError, isLockError } from "../errors.ts";
import type { Holding } from "./lease.ts";
import type { Lease } from "./session.ts";
import { deadlineError, type Settings, type Wish } from "../lock-options.ts";
import { elapsed, type Instant } from "../runtime.ts";
import { linkSignals } from "../timeout.ts";

/** Waiters that sleep until a lock's end wake up to so many ms apart. */
const WAKE_SPREAD_MS = 50;

type Win = Attempt & { readonly status: "won" };

/** Another holds the lock, and the call's patience is spent. */
export type Refusal = Attempt & { readonly status: "held" };

export interface Acquired {
  readonly status: "acquired";
  readonly holding: Holding;
  readonly lease: Lease;
  /** What was asked for: less than wished near a deadline. */
  readonly ttlMs: number;
}

/** One call of `acquire`: attempts and pauses until it has the lock or its patience is spent. */
export class AcquireCall {
  readonly #settings: Settings;
  readonly #lease: Lease;
  readonly #keys: readonly [string, ...string[]];
  readonly #wish: Wish;
  readonly #started: Instant;

  constructor(settings: Settings, lease: Lease, keys: readonly [string, ...string[]], wish: Wish) {
    this.#settings = settings;
    this.#lease = lease;
    this.#keys = keys;
    this.#wish = wish;
    this.#started = settings.runtime.now();
  }

  /** @throws LockAcquisitionError (aborted, error), LockConfigurationError */
  async run(): Promise<Acquired | Refusal> {
    if (this.#ask() === undefined) throw deadlineError(this.#settings);
    const settle = this.#lease.pledge();
    const acquisition = new Acquisition(this.#lease.context, this.#keys, this.#wish.trace);
    const settleWhenClean = (): void => void acquisition.cleanedUp().then(settle);
    const abort = linkSignals(this.#wish.signals);
    try {
      const outcome = await this.#try(acquisition, abort.signal);
      if (outcome.status === "won") return this.#hold(outcome, settleWhenClean);
      acquisition.abandon();
      settleWhenClean();
      return outcome;
    } catch (error) {
      acquisition.abandon();
      settleWhenClean();
      throw error;
    } finally {
      abort.abort();
    }
  }

  /** The error for callers to whom a refusal is one. */
  refused({ key, lockData, remainingMs }: Refusal): LockAcquisitionError {
    const { retry, waitTimeout } = this.#wish;
    const left = remainingMs === null ? "without expiry" : `for another ${remainingMs} ms`;
    const details = { holder: lockData?.ownerHash ?? null, remainingMs };
    if (retry.maxRetries === 0 || waitTimeout === 0) {
      const message = `Lock "${key}" is held by another ${left}.`;
      return new LockAcquisitionError("held", key, message, details);
    }
    const waited = Math.round(elapsed(this.#started, this.#settings.runtime.now()));
    const message = `Lock "${key}" was still held by another (${left}) after ${waited} ms of waiting. Raise waitTimeout or retry.maxRetries to wait longer.`;
    return new LockAcquisitionError("timeout", key, message, details);
  }

  async #try(acquisition: Acquisition, signal: AbortSignal): Promise<Win | Refusal> {
    const { runtime } = this.#settings;
    const { emit } = this.#lease.context;
    const limits = { ask: () => this.#ask(), budgetLeft: () => this.#budgetLeft(), signal };
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await acquisition.attempt(limits);
      switch (outcome.status) {
        case "won":
          return outcome;
        case "aborted":
          throw this.#aborted();
        case "error":
          throw this.#failed(outcome.error, outcome.why);
        case "held": {
          emit({ type: "busy", key: outcome.key, remainingMs: outcome.remainingMs, attempt });
          const pauseMs = this.#pauseMs(outcome, attempt);
          if (pauseMs === undefined) return outcome;
          await runtime.sleep(pauseMs, signal);
          if (!signal.aborted && this.#ask() === undefined) return outcome;
        }
      }
    }
  }

  #hold({ claims, fence, since, ttlMs, livenessMs }: Win, settle: () => void): Acquired {
    const { runtime, deadline } = this.#settings;
    const { renewal } = this.#wish;
    const { emit } = this.#lease.context;
    const renewTtlMs = renewal.onlyLiveness ? 0 : ttlMs;
    const holding = this.#lease.hold(
      { keys: this.#keys, claims, fence, ttlMs, livenessMs, renewTtlMs, renewal, deadline, since },
      settle,
    );
    const waitedMs = elapsed(this.#started, runtime.now());
    emit({ type: "acquired", keys: this.#keys, fence, waitedMs });
    return { status: "acquired", holding, lease: this.#lease, ttlMs };
  }

  /** Undefined when the deadline leaves too little to be worth a request. */
  #ask(): { readonly ttlMs: number; readonly livenessMs: number } | undefined {
    const { runtime, deadline } = this.#settings;
    const left = deadline === undefined ? Infinity : deadline.getTime() - runtime.now().wall;
    if (left < MIN_TTL_MS) return undefined;
    const ttlMs = Math.min(this.#wish.ttl, left);
    return { ttlMs, livenessMs: Math.min(this.#wish.livenessMs, ttlMs) };
  }

  /** How long to sleep before the next attempt; undefined when this was the last. */
  #pauseMs({ remainingMs }: Refusal, attempt: number): number | undefined {
    const { runtime } = this.#settings;
    const { retry } = this.#wish;
    const leftMs = this.#patienceLeft();
    if (attempt > retry.maxRetries || leftMs <= 0) return undefined;
    const backoffMs = backoffDelay(retry, attempt - 1, runtime);
    const freeMs = (remainingMs ?? Infinity) + 1 + runtime.random() * WAKE_SPREAD_MS;
    return Math.min(backoffMs, freeMs, leftMs);
  }

  /** Ms in which another attempt may start. */
  #patienceLeft(): number {
    const { runtime, deadline } = this.#settings;
    const now = runtime.now();
    const waitLeft = (this.#wish.waitTimeout ?? Infinity) - elapsed(this.#started, now);
    if (deadline === undefined) return waitLeft;
    return Math.min(waitLeft, deadline.getTime() - now.wall - MIN_TTL_MS - WAKE_SPREAD_MS);
  }

  /** Ms left for the whole call: the waiting, and one request's time for the last attempt. */
  #budgetLeft(): number {
    const { runtime, database } = this.#settings;
    const { waitTimeout, retry } = this.#wish;
    const waiting = waitTimeout ?? (retry.maxRetries === 0 ? 0 : Infinity);
    return waiting + database.requestTimeout - elapsed(this.#started, runtime.now());
  }

  #aborted(): LockAcquisitionError {
    const [key] = this.#keys;
    const cause: unknown = this.#wish.signals.find((signal) => signal.aborted)?.reason;
    return new LockAcquisitionError("aborted", key, `Waiting for lock "${key}" was aborted.`, {
      cause,
    });
  }

  #failed(error: unknown, why: string): unknown {
    if (isLockError(error, "LOCK_CONFIGURATION")) return error;
    const [key] = this.#keys;
    const reason = error instanceof DatabaseError ? error.message : why;
    const message = `Lock "${key}" could not be acquired: ${reason}.`;
    return new LockAcquisitionError("error", key, message, { cause: error });
  }
}
