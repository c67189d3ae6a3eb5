import { RESEND_PAUSES, backoffDelay } from "../retry.ts";
import {
  canOutliveHolder,
  type AcquireOutcome,
  type Claim,
  type LockData,
  type Suspect,
} from "../database/operations.ts";
import { DatabaseError, failureOf } from "../errors.ts";
import { GivingBack } from "./release.ts";
import type { LeaseContext } from "./context.ts";
import { LockStatus } from "../database/lock-status.ts";
import { elapsed, type Instant } from "../runtime.ts";
import { Token, type Ask } from "./token.ts";
import { Validity } from "./validity.ts";
import { bounded } from "../timeout.ts";

/** Sends beyond the first whose fate is unknown, or that were refused for a moment only. */
const MAX_RESENDS = 2;

/** A database that hands out dead holders or used-up tokens forever ends a call after so many. */
const MAX_ROUNDS = 1_000;

export interface AttemptLimits {
  /** What a send leaving now may ask for; undefined when the deadline leaves nothing to ask for. */
  readonly ask: () => Ask | undefined;
  /** Ms left for the whole call. */
  readonly budgetLeft: () => number;
  readonly signal: AbortSignal | undefined;
}

export type Attempt =
  | {
      readonly status: "won";
      readonly claims: readonly [Claim, ...Claim[]];
      readonly fence: number | undefined;
      readonly since: Instant;
      readonly ttlMs: number;
      readonly livenessMs: number;
    }
  | {
      readonly status: "held";
      readonly key: string;
      readonly lockData: LockData | null;
      readonly remainingMs: number | null;
    }
  | { readonly status: "aborted" }
  | { readonly status: "error"; readonly error: unknown; readonly why: string };

/**
 * One call's way to its locks. A send whose answer was lost is repeated under its token, so that it
 * is found again as its own; an answer of refusal ends the token, so that no copy of it delivered
 * later takes the lock. A call that may have left something behind cleans up after itself.
 */
export class Acquisition {
  readonly #context: LeaseContext;
  readonly #keys: readonly [string, ...string[]];
  readonly #trace: string | undefined;
  readonly #suspects: Map<string, Suspect> = new Map();
  readonly #cleanups: Promise<unknown>[] = [];
  #token: Token;
  /** Sends again because the fate of one was unknown. */
  #resends = 0;
  #pauses = 0;

  constructor(context: LeaseContext, keys: readonly [string, ...string[]], trace?: string) {
    this.#context = context;
    this.#keys = keys;
    this.#trace = trace;
    this.#token = new Token(context, keys, trace);
  }

  /**
   * Asks once, and again at once where the answer was lost, where the holder seems to be dead, or
   * where the token was used up. Ends with a win, a refusal, an abort, or without an answer.
   */
  async attempt(limits: AttemptLimits): Promise<Attempt> {
    const { runtime } = this.#context;
    for (let round = 1; ; round += 1) {
      const ask = limits.ask();
      if (limits.signal?.aborted) return { status: "aborted" };
      if (ask === undefined) {
        return { status: "error", error: undefined, why: "its deadline leaves no time for it" };
      }
      const since = runtime.now();
      this.#token.since ??= since;
      const claims = this.#token.claims(ask);
      const sent = await this.#send(claims, ask, limits);
      if (sent.ended === "aborted") return { status: "aborted" };
      if (sent.ended === "failed" || sent.ended === "late") {
        const tookMs = elapsed(since, runtime.now());
        const error = sent.ended === "failed" ? sent.error : outOfTime(tookMs);
        if (!(await this.#mayResend(error, tookMs, limits))) {
          return { status: "error", error, why: "the database gave no answer that counts" };
        }
        continue;
      }
      const outcome = sent.value;
      switch (outcome.status) {
        case LockStatus.SUCCESS:
          return this.#won(claims, outcome, since, ask);
        case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
          this.#discardToken();
          if (this.#suspect(outcome) && limits.budgetLeft() > 0 && round < MAX_ROUNDS) break;
          return { ...outcome, status: "held", key: this.#nameOf(outcome.key) };
        case "GONE":
        case "LOST":
          this.#discardToken();
          if (limits.budgetLeft() <= 0 || round >= MAX_ROUNDS) {
            return { status: "error", error: undefined, why: "its token was used up" };
          }
      }
    }
  }

  /** A token that was refused, or has ended, can never acquire: the next send needs another. */
  #discardToken(): void {
    this.abandon();
    this.#token = new Token(this.#context, this.#keys, this.#trace);
  }

  /** The call ends without the lock, or with another token: takes back what may have been stored. */
  abandon(): void {
    const token = this.#token;
    if (!token.isOpen) return;
    token.isOpen = false;
    const request = { claims: token.claims(), fence: undefined };
    const givingBack = new GivingBack(this.#context, this.#keys, request, token.longestMs);
    this.#cleanups.push(givingBack.ended);
  }

  /** Settles when nothing of abandoned tokens is left to do. Never rejects. */
  async cleanedUp(): Promise<void> {
    await Promise.all(this.#cleanups);
  }

  async #send(
    claims: readonly Claim[],
    { ttlMs, livenessMs }: Ask,
    { budgetLeft, signal }: AttemptLimits,
  ): ReturnType<typeof bounded<AcquireOutcome>> {
    const { database, runtime } = this.#context;
    const token = this.#token;
    const suspects = [...this.#suspects.values()];
    token.longestMs = Math.max(token.longestMs, ttlMs, livenessMs);
    const sent = await bounded(
      runtime,
      database.acquire({ claims, ttlMs, livenessMs, suspects }),
      budgetLeft(),
      signal,
    );
    const failed = sent.ended === "failed" && failureOf(sent.error).applied === "no";
    if (sent.ended !== "done" && !failed) token.isOpen = true;
    return sent;
  }

  /** Sleeps until it is time to send again; false when it is not to be. */
  async #mayResend(
    error: unknown,
    tookMs: number,
    { budgetLeft, signal }: AttemptLimits,
  ): Promise<boolean> {
    const { runtime } = this.#context;
    const { applied, retriable } = failureOf(error);
    if (!retriable) return false;
    // A database that says "not now" is asked again for as long as the caller's patience is bounded.
    const isCounted = applied === "unknown" || budgetLeft() === Infinity;
    if (isCounted && this.#resends >= MAX_RESENDS) return false;
    const pauseMs = backoffDelay(RESEND_PAUSES, this.#pauses, runtime);
    // With less time than a refusal takes, the next send's fate would be unknown.
    const leastMs = applied === "no" ? tookMs : 0;
    if (budgetLeft() <= pauseMs + leastMs) return false;
    this.#pauses += 1;
    if (isCounted) this.#resends += 1;
    await runtime.sleep(pauseMs, signal);
    return true;
  }

  #won(
    claims: readonly [Claim, ...Claim[]],
    outcome: AcquireOutcome & { readonly status: LockStatus.SUCCESS },
    since: Instant,
    { ttlMs, livenessMs }: Ask,
  ): Attempt {
    const { database, runtime, emit } = this.#context;
    this.#token.isOpen = true;
    // Primitives cannot see that the liveness of an earlier send has ended meanwhile: another may have
    // seen it, and be about to take over.
    const provenSince = database.capabilities.tombstones ? since : (this.#token.since ?? since);
    if (new Validity(provenSince, ttlMs, livenessMs).remaining(runtime.now()) <= 0) {
      const why = `its ttl of ${ttlMs} ms is too short for the round trip to the database`;
      return { status: "error", error: undefined, why };
    }
    if (outcome.takenOver !== undefined) {
      emit({ type: "takeover", key: this.#nameOf(outcome.takenOver) });
    }
    const { fence } = outcome;
    const [first, ...rest] = claims;
    const fenced = ({ key, lockData }: Claim): Claim => ({
      key,
      lockData: fence === undefined ? lockData : { ...lockData, fence },
    });
    return {
      status: "won",
      claims: [fenced(first), ...rest.map(fenced)],
      fence,
      since,
      ttlMs,
      livenessMs,
    };
  }

  /** Notes the holder as perhaps dead; false when there is nothing (new) to suspect. */
  #suspect({
    key,
    lockData,
    remainingMs,
  }: AcquireOutcome & { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK }): boolean {
    if (lockData === null || !canOutliveHolder(lockData, remainingMs)) return false;
    const { ownerHash, processHash } = lockData;
    if (this.#suspects.get(key)?.ownerHash === ownerHash) return false;
    this.#suspects.set(key, { key, ownerHash, processHash });
    return true;
  }

  /** The user's name of a key in the database. */
  #nameOf(key: string): string {
    return key.slice(this.#context.keyPrefix.length);
  }
}

function outOfTime(ms: number): DatabaseError {
  return new DatabaseError(`The database gave no answer within ${Math.round(ms)} ms`, {
    applied: "unknown",
    retriable: true,
  });
}
