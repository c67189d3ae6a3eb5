import { MIN_TTL_MS } from "../check.ts";
import { canOutliveHolder } from "../database/lock-record.ts";
import type {
  AdmitOutcome,
  Grant,
  LeaseTimes,
  Refusal,
  Remembered,
  Suspect,
} from "../database/operations.ts";
import {
  LockConfigurationError,
  LockLostError,
  classifyFailure,
  isLockError,
  type LockAcquisitionReason,
  type LockError,
} from "../errors.ts";
import { RESEND_PAUSES, backoffDelay } from "../retry.ts";
import { elapsed, linkSignals, type Instant, type Runtime } from "../runtime.ts";
import { Attempt, type AttemptLimits, type Win } from "./attempt.ts";
import type { Lease } from "./lease.ts";
import { acquisitionFailed, isOtherInput, type Busy } from "./refusal.ts";
import type { Session } from "./session.ts";
import type { LeaseTerms } from "./terms.ts";

/** Sends beyond the first after an unknown outcome, or a refusal that is transient. */
const MAX_RESENDS = 2;

/** Ends a call on a database that reports dead holders or used-up owner hashes forever. */
const MAX_ROUNDS = 1_000;

/** Why what was handed off is not there. */
const ENDED = "it was attached before, released or forced, or its time ran out before this attach";

/** Spreads out waiters that all sleep until the same lock expires. */
const WAKE_SPREAD_MS = 50;

export type Acquired = { readonly status: "acquired"; readonly lease: Lease } | Busy;

/** One call of `acquire`: attempts and pauses until it has the lock, or has waited as long as it may. */
export class Acquire implements AttemptLimits {
  readonly #session: Session;
  readonly #keys: readonly [string, ...string[]];
  readonly #terms: LeaseTerms;
  readonly #runtime: Runtime;
  readonly #started: Instant;
  /** Holders that may be dead, by key. */
  readonly #suspects: Map<string, Suspect> = new Map();
  /** Holders that hand the lock off, until they have been asked. */
  #handedOff: LeaseTerms["handedOff"];
  readonly #rollbacks: Promise<void>[] = [];
  /** Sends repeated because the outcome of one was unknown. */
  #resends = 0;
  #pauses = 0;

  constructor(session: Session, keys: readonly [string, ...string[]], terms: LeaseTerms) {
    this.#session = session;
    this.#keys = keys;
    this.#terms = terms;
    this.#handedOff = terms.handedOff;
    this.#runtime = session.context.runtime;
    this.#started = this.#runtime.now();
  }

  /** @throws LockAcquisitionError (aborted, error), LockConfigurationError */
  async run(): Promise<Acquired> {
    const outcome = await this.admit();
    if (outcome.status !== "remembered") return outcome;
    throw acquisitionFailed(this.#keys[0], "the database gave no conclusive answer");
  }

  /** The same for the lock of a job (`terms.job`), unless it has completed before. */
  async admit(): Promise<Acquired | Remembered> {
    if (this.times() === undefined) throw this.#deadlineError();
    const pledge = this.#session.pledge();
    const abort = linkSignals(this.#terms.signals);
    let lease: Lease | undefined;
    try {
      const outcome = await this.#wait(abort.signal);
      if (outcome.status === "held") return this.#busy(outcome);
      if (outcome.status === "remembered") return outcome;
      const waitedMs = this.#waitedMs();
      const { trace, renewal, deadline } = this.#terms;
      lease = this.#session.hold({ ...outcome, keys: this.#keys, trace, renewal, deadline });
      const { fence } = lease.grant;
      this.#session.context.emit({ type: "acquired", ...lease.identity, fence, waitedMs });
      return { status: "acquired", lease };
    } catch (error) {
      if (isLockError(error, "LOCK_ACQUISITION")) this.#failed(this.#keys[0], error.reason);
      if (isLockError(error, "LOCK_LOST")) this.#failed(this.#keys[0], "held");
      throw error;
    } finally {
      abort.abort();
      void pledge?.settleAfter(this.#rollbacks, lease);
    }
  }

  #busy(refusal: Refusal): Busy {
    const { retry, waitTimeout } = this.#terms;
    const reason = retry.maxRetries === 0 || waitTimeout === 0 ? "held" : "timeout";
    this.#failed(refusal.key, reason);
    return { ...refusal, reason, waitedMs: this.#waitedMs() };
  }

  #failed(key: string, reason: LockAcquisitionReason): void {
    const waitedMs = this.#waitedMs();
    const { trace } = this.#terms;
    this.#session.context.emit({ type: "acquireFailed", key, trace, reason, waitedMs });
  }

  #waitedMs(): number {
    return elapsed(this.#started, this.#runtime.now());
  }

  async #wait(signal: AbortSignal): Promise<Win | Refusal | Remembered> {
    const { emit } = this.#session.context;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#ask(signal);
      if (outcome.status !== "held") return outcome;
      const { key, remainingMs } = outcome;
      emit({ type: "busy", key, trace: this.#terms.trace, remainingMs, attempt });
      if (isOtherInput(this.#terms.job, outcome.lockData)) return outcome;
      const pauseMs = this.#pauseMs(outcome, attempt);
      if (pauseMs === undefined) return outcome;
      await this.#runtime.sleep(pauseMs, signal);
      if (!signal.aborted && this.times() === undefined) return outcome;
    }
  }

  /** Asks, and again at once if the holder seems to be dead or the owner hash was used up. */
  async #ask(signal: AbortSignal): Promise<Win | Refusal | Remembered> {
    const { keyPrefix } = this.#session.context;
    for (let round = 1; ; round += 1) {
      const outcome = await this.#attempt(signal);
      if (outcome.status === "granted" || outcome.status === "remembered") return outcome;
      const mayGoOn = !this.#isAttach && this.budgetLeft() > 0 && round < MAX_ROUNDS;
      if (outcome.status !== "held") {
        if (!mayGoOn) throw this.#usedUp();
      } else if (!mayGoOn || !this.#suspect(outcome)) {
        return { ...outcome, key: outcome.key.slice(keyPrefix.length) };
      }
    }
  }

  /** Only what is handed off is wanted, and only once. */
  get #isAttach(): boolean {
    return this.#terms.handedOff !== undefined && this.#terms.job === undefined;
  }

  #usedUp(): LockError {
    const [key] = this.#keys;
    return this.#isAttach
      ? new LockLostError(key, ENDED)
      : acquisitionFailed(key, "its token was used up");
  }

  /** One attempt under a name of its own, rolled back unless it wins. */
  async #attempt(signal: AbortSignal): Promise<Win | Exclude<AdmitOutcome, Grant>> {
    const attempt = new Attempt(this.#session.context, this.#keys, this.#terms);
    let isWon = false;
    try {
      const suspects = [...this.#suspects.values()];
      const handedOff = this.#handedOff;
      // Whatever comes of it: what is not theirs any more will not be theirs again.
      this.#handedOff = undefined;
      const outcome = await attempt.run(this, { suspects, handedOff }, signal);
      isWon = outcome.status === "granted";
      return outcome;
    } finally {
      if (!isWon) this.#rollbacks.push(attempt.rollBack());
    }
  }

  /** Notes a holder that may be dead; false when there is none, or it is suspected already. */
  #suspect({ key, lockData, remainingMs }: Refusal): boolean {
    if (lockData === null || !canOutliveHolder(lockData, remainingMs)) return false;
    const { ownerHash, processHash } = lockData;
    if (this.#suspects.get(key)?.ownerHash === ownerHash) return false;
    this.#suspects.set(key, { key, ownerHash, processHash });
    return true;
  }

  times(): LeaseTimes | undefined {
    const left = this.#beforeDeadline();
    if (left < MIN_TTL_MS) return undefined;
    const ttlMs = Math.min(this.#terms.ttlMs, left);
    return { ttlMs, livenessMs: Math.min(this.#terms.livenessMs, ttlMs) };
  }

  /** The time to wait, and the timeout of one request for the last attempt. */
  budgetLeft(): number {
    const { waitTimeout, retry } = this.#terms;
    const waiting = waitTimeout ?? (retry.maxRetries === 0 ? 0 : Infinity);
    const { requestTimeout } = this.#session.context.database;
    return waiting + requestTimeout - elapsed(this.#started, this.#runtime.now());
  }

  resendPause(error: unknown, tookMs: number): number | undefined {
    const { applied, retriable } = classifyFailure(error);
    if (!retriable) return undefined;
    // A database that says "not now" is asked again for as long as the call may wait.
    const isCounted = applied === "unknown" || !this.#terms.waitTimeout;
    if (isCounted && this.#resends >= MAX_RESENDS) return undefined;
    const pauseMs = backoffDelay(RESEND_PAUSES, this.#pauses, this.#runtime);
    // With less time left than a refusal takes, the outcome of the next send would be unknown.
    const leastMs = applied === "no" ? tookMs : 0;
    if (this.budgetLeft() <= pauseMs + leastMs) return undefined;
    this.#pauses += 1;
    if (isCounted) this.#resends += 1;
    return pauseMs;
  }

  /** How long to sleep before the next attempt, in ms; undefined when this was the last. */
  #pauseMs({ remainingMs }: Refusal, attempt: number): number | undefined {
    const { retry } = this.#terms;
    const leftMs = this.#patienceLeft();
    if (attempt > retry.maxRetries || leftMs <= 0) return undefined;
    const backoffMs = backoffDelay(retry, attempt - 1, this.#runtime);
    const freeMs = (remainingMs ?? Infinity) + 1 + this.#runtime.random() * WAKE_SPREAD_MS;
    return Math.min(backoffMs, freeMs, leftMs);
  }

  /** Ms in which another attempt may start. */
  #patienceLeft(): number {
    const waitLeft =
      (this.#terms.waitTimeout ?? Infinity) - elapsed(this.#started, this.#runtime.now());
    return Math.min(waitLeft, this.#beforeDeadline() - MIN_TTL_MS - WAKE_SPREAD_MS);
  }

  #beforeDeadline(): number {
    const { deadline } = this.#terms;
    return deadline === undefined ? Infinity : deadline.getTime() - this.#runtime.now().wall;
  }

  /** The deadline leaves too little to be worth a request. */
  #deadlineError(): LockConfigurationError {
    const left = this.#beforeDeadline();
    const when = left <= 0 ? "is past" : `leaves only ${left} ms`;
    return new LockConfigurationError("deadline", `${this.#terms.deadline?.toISOString()} ${when}`);
  }
}
