import {
  jobOperations,
  onlyOutcome,
  type AcquireRequest,
  type AdmitOutcome,
  type Claim,
  type Claims,
  type Grant,
  type LeaseTimes,
} from "../database/operations.ts";
import { createLockData, formatOwnerHash } from "../database/lock-record.ts";
import {
  LockAcquisitionError,
  classifyFailure,
  isLockError,
  noAnswerWithin,
  type LockError,
} from "../errors.ts";
import { compensationPauses } from "../retry.ts";
import { bounded, elapsed, type Bounded, type Instant } from "../runtime.ts";
import type { LeaseContext } from "./context.ts";
import { acquisitionFailed } from "./refusal.ts";
import { Release } from "./release.ts";
import type { JobTerms, LeaseTerms } from "./terms.ts";
import { reliableMs } from "./validity.ts";

/**
 * Sends of a compensation that have no answer, as in an outage: then what the attempt may have stored ends
 * with its TTL.
 */
const MAX_UNANSWERED = 3;

/** The limits of an attempt: those of the call it belongs to. */
export interface AttemptLimits {
  /** What a send may request now; undefined when too little time is left before the deadline. */
  times(): LeaseTimes | undefined;
  /** Ms left for the whole call. */
  budgetLeft(): number;
  /** Ms to pause before sending again after a failure; undefined when it is not to be sent again. */
  resendPause(error: unknown, tookMs: number): number | undefined;
}

/** The claims as they were granted. */
export interface Win {
  readonly status: "granted";
  readonly claims: Claims;
  readonly fence: number | undefined;
  readonly times: LeaseTimes;
  /** When the request that won them was sent. */
  readonly since: Instant;
}

/**
 * The sends of one owner hash: repeated while there is no answer, so that a send whose answer was lost
 * is found again as its own. Every answer but a grant uses the owner hash up: no copy of the request
 * that is delivered later can take the lock.
 */
export class Attempt {
  readonly #context: LeaseContext;
  readonly #keys: readonly [string, ...string[]];
  readonly #trace: string | undefined;
  readonly #job: JobTerms | undefined;
  /** A lock and its liveness live and die together: nothing is shared between acquisitions. */
  readonly #processHash: string;
  /** Whether something may be stored under it. */
  #isOpen = false;
  /** The longest time requested under it. */
  #longestMs = 0;
  /** When it was first sent. */
  #firstSentAt: Instant | undefined;

  constructor(
    context: LeaseContext,
    keys: readonly [string, ...string[]],
    { trace, job }: Pick<LeaseTerms, "trace" | "job">,
  ) {
    this.#context = context;
    this.#keys = keys;
    this.#trace = trace;
    this.#job = job;
    this.#processHash = `leasehold/${context.runtime.randomId()}`;
  }

  /**
   * @param holders whom to take over from
   * @throws LockAcquisitionError (`aborted`, `error`) when there is no answer, or one that came too late
   */
  async run(
    limits: AttemptLimits,
    holders: Pick<AcquireRequest, "suspects" | "handedOff">,
    signal: AbortSignal,
  ): Promise<Win | Exclude<AdmitOutcome, Grant>> {
    for (;;) {
      const times = limits.times();
      if (signal.aborted) throw this.#aborted(signal);
      if (times === undefined) throw this.#failed("its deadline leaves no time for it");
      const since = this.#context.runtime.now();
      this.#firstSentAt ??= since;
      const claims = this.#claims(times);
      const answer = this.#send({ claims, ...times, ...holders });
      this.#longestMs = Math.max(this.#longestMs, times.ttlMs, times.livenessMs);
      const sent = await bounded(this.#context.runtime, answer, limits.budgetLeft(), signal);
      if (sent.ended === "done") return this.#conclude(sent.value, claims, times, since);
      await this.#pause(sent, since, limits, signal);
    }
  }

  /** For a job, only if its completion is not remembered. */
  async #send(request: AcquireRequest & { readonly claims: Claims }): Promise<AdmitOutcome> {
    const { database } = this.#context;
    if (this.#job === undefined) return database.acquire(request);
    const [claim] = request.claims;
    const { resultKey } = this.#job;
    const job = { ...request, claims: [claim], resultKey } as const;
    return onlyOutcome(await jobOperations(database).admit([job]));
  }

  /** Sleeps after a send without an answer until it is to be sent again; throws when it is not. */
  async #pause(
    sent: Exclude<Bounded<AdmitOutcome>, { readonly ended: "done" }>,
    since: Instant,
    limits: AttemptLimits,
    signal: AbortSignal,
  ): Promise<void> {
    const { runtime } = this.#context;
    const tookMs = elapsed(since, runtime.now());
    const error = sent.ended === "failed" ? sent.error : noAnswerWithin(tookMs);
    if (classifyFailure(error).applied === "unknown") this.#isOpen = true;
    if (sent.ended === "aborted") throw this.#aborted(signal);
    const pauseMs = limits.resendPause(error, tookMs);
    if (pauseMs === undefined) {
      throw this.#failed("the database gave no conclusive answer", error);
    }
    await runtime.sleep(pauseMs, signal);
  }

  /**
   * The call ends without the lock, or goes on under another owner hash: rolls back what may have been
   * stored (R11), as far as a few sends can. Settles when nothing is left to do; never rejects.
   */
  async rollBack(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { database } = this.#context;
    const request = { claims: this.#claims(), fence: undefined };
    const token = request.claims[0].lockData.ownerHash;
    await new Release(this.#context, {
      lock: { keys: this.#keys, token, trace: this.#trace },
      send: () => database.release(request),
      // Nothing renews it: over when its TTL is.
      longestMs: this.#longestMs - database.requestTimeout,
      wasLost: false,
      pauses: compensationPauses(this.#longestMs),
      maxUnanswered: MAX_UNANSWERED,
    }).verdict;
  }

  /**
   * The claims as they are to be stored. A record states its liveness only if that lasts as long as the
   * lock: a lock that can outlive its holder is to be suspected until it expires.
   *
   * @param times undefined if only the owner matters
   */
  #claims(times?: LeaseTimes): Claims {
    const { keyPrefix, runtime } = this.#context;
    const processHash = this.#processHash;
    const trace = this.#trace;
    const isTold = times !== undefined && times.livenessMs >= times.ttlMs;
    const { fingerprint } = this.#job ?? {};
    const extra = {
      ...(isTold ? { livenessMs: times.livenessMs } : {}),
      ...(fingerprint === undefined ? {} : { fingerprint }),
    };
    const now = runtime.now();
    const claim = (name: string): Claim => {
      const key = keyPrefix + name;
      const ownerHash = formatOwnerHash(key, processHash, trace);
      const record = createLockData({ ownerHash, processHash, trace }, now);
      return { key, lockData: { ...record, ...extra } };
    };
    const [first, ...rest] = this.#keys;
    return [claim(first), ...rest.map(claim)];
  }

  /** What an answer means for the owner hash. */
  #conclude(
    outcome: AdmitOutcome,
    claims: Claims,
    times: LeaseTimes,
    since: Instant,
  ): Win | Exclude<AdmitOutcome, Grant> {
    switch (outcome.status) {
      case "granted":
        break;
      case "gone":
        // The answer to a second copy: of several keys, the first may have left some.
        this.#isOpen = true;
        return outcome;
      case "held":
      case "lost":
      case "remembered":
        return outcome;
      default:
        // Not by type, but a backend is other people's code: what it did is unknown.
        this.#isOpen = true;
        throw this.#failed("the database gave no conclusive answer");
    }
    this.#isOpen = true;
    this.#assertInTime(times, since);
    const { fence, takenOver } = outcome;
    if (takenOver !== undefined) {
      const { keyPrefix, emit } = this.#context;
      emit({ type: "takeover", key: takenOver.slice(keyPrefix.length), trace: this.#trace });
    }
    return { status: "granted", claims: withFence(claims, fence), fence, times, since };
  }

  /** A grant whose validity is over when it is answered is none. */
  #assertInTime({ ttlMs, livenessMs }: LeaseTimes, since: Instant): void {
    const { database, runtime } = this.#context;
    // Primitives cannot tell that the liveness of an earlier send has ended meanwhile: another client may
    // have noticed, and be about to take over.
    const provenSince = database.capabilities.tombstones ? since : (this.#firstSentAt ?? since);
    const proof = { since: provenSince, ms: Math.min(ttlMs, livenessMs) };
    if (reliableMs(proof, runtime.now()) > 0) return;
    throw this.#failed(`its ttl of ${ttlMs} ms is too short for the round trip to the database`);
  }

  #aborted({ reason }: AbortSignal): LockAcquisitionError {
    const [key] = this.#keys;
    const message = `Waiting for lock "${key}" was aborted.`;
    return new LockAcquisitionError("aborted", key, message, { cause: reason });
  }

  #failed(why: string, cause?: unknown): LockError {
    return isLockError(cause, "LOCK_CONFIGURATION")
      ? cause
      : acquisitionFailed(this.#keys[0], why, cause);
  }
}

function withFence([first, ...rest]: Claims, fence: number | undefined): Claims {
  if (fence === undefined) return [first, ...rest];
  const claims: [Claim, ...Claim[]] = [{ ...first, lockData: { ...first.lockData, fence } }];
  for (const claim of rest) claims.push({ ...claim, lockData: { ...claim.lockData, fence } });
  return claims;
}
