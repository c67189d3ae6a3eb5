import { isLockError, type LockAcquisitionReason } from "../../src/errors.ts";
import type { LockErrorCode } from "../../src/errors.ts";
import type { Recalled } from "../../src/once/once.ts";
import type { Belief } from "./beliefs.ts";
import { Violation, type Call, type Token } from "./ledger.ts";
import type { World } from "./world.ts";

/** Timers fire a little late, and an answer takes a moment to be handled. */
const SLACK_MS = 5;

/** Longest pause between two sends of the same command. */
export const RESEND_PAUSE_MS = 100;

/** Checks that what a client is told is correct and in time. */
export class Outcomes {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Null, or a refusal as an error: another must have held it. */
  refused(call: Call): void {
    if (!call.refused) fail(call, "reports that another holds the lock, but was never told so");
  }

  /** It ended without a lock: once it has cleaned up, nothing of it may be stored. */
  failed(call: Call): void {
    const { client } = call;
    if (client.pendingPledges === 0) call.closed = "failed";
    else this.#world.time.after(50, client, () => this.failed(call));
  }

  /** What is told of a completed job: a run of it must have returned that. */
  recalled(job: string, told: Recalled<unknown> | null): void {
    if (told === null) return;
    const text = told.hasResult ? JSON.stringify(told.result) : undefined;
    if (this.#world.memories.isResult(job, text)) return;
    throw new Violation(`O1: no run of ${job} returned ${text ?? "what cannot be kept"}`);
  }

  /** What `acquire` and the like reject with. */
  notAcquired(call: Call, error: unknown, signal: AbortSignal | undefined): void {
    if (isLockError(error, "LOCK_CONFIGURATION") && error.message.includes("deadline")) return;
    if (!isLockError(error, "LOCK_ACQUISITION")) return threw(call, error);
    const { reason } = error as unknown as { readonly reason: LockAcquisitionReason };
    switch (reason) {
      case "held":
      case "timeout":
        return this.refused(call);
      case "aborted":
        if (!signal?.aborted) fail(call, "reports that it was aborted");
        return;
      case "error":
        if (error.message.includes("its deadline leaves no time")) return;
        if (!hadInconclusiveSend(call) && !isDisturbed(call)) {
          fail(call, `reports that it had no answer: ${error.message}`);
        }
    }
  }

  /** `release()` has resolved. */
  released(call: Call, tokens: readonly Token[]): void {
    const { hurriedAt } = call.client.clock;
    // It assumed the TTL had passed, by a clock that violates Runtime's contract.
    if (hurriedAt >= call.startedAt && tokens.some(({ releaseConfirmed }) => !releaseConfirmed))
      return;
    call.closed = "released";
    for (const { key, ownerHash, tombstoneLost } of tokens) {
      const stored = this.#world.view.at(key)?.record?.ownerHash === ownerHash;
      if (stored && !tombstoneLost) fail(call, `reports a release, but ${ownerHash} is stored`);
    }
  }

  /** `release()` has rejected. */
  notReleased(call: Call, tokens: readonly Token[], error: unknown): void {
    if (isLockError(error, "LOCK_RELEASE_UNKNOWN")) {
      if (tokens.every((token) => token.releaseSends < 2 && token.releaseFailures === 0)) {
        fail(call, "gave up its release after one send");
      }
      return;
    }
    if (!isLockError(error, "LOCK_NOT_OWNED")) return threw(call, error);
    call.closed = "released";
    const wasReleased = tokens.every(({ released, tombstoneLost }) => released && !tombstoneLost);
    if (wasReleased && tokens.some(({ releaseConfirmed }) => releaseConfirmed)) {
      fail(call, "reports not owned, but its release was confirmed");
    }
  }

  /** R12: whether the result can be relied on. `wasKept`: the store kept others out when the work ended. */
  concluded(belief: Belief, error: unknown, wasKept: boolean): void {
    const { call, tokens } = belief;
    const isReleased = tokens.every(({ released }) => released);
    if (error === undefined) {
      if (tokens.some(({ notOwnedReported }) => notOwnedReported)) {
        fail(call, "R12: returned, although its release reported not owned");
      }
      const isDoubtful = tokens.some(({ wasLost }) => wasLost) || isDisturbed(call);
      if (!isReleased && !wasKept && !isDoubtful) fail(call, "returned the result of lost work");
      return;
    }
    if (!isLockError(error, "LOCK_LOST")) return threw(call, error);
    const isConfirmed = tokens.every(({ releaseConfirmed }) => releaseConfirmed);
    if (isReleased && isConfirmed) fail(call, "R12: lost, although its release was confirmed");
  }

  /** `isHeld()`, called at `since`. */
  held(belief: Belief, isHeld: boolean, since: number): void {
    const { call, tokens } = belief;
    const isClear = tokens.every(({ lostAt }) => lostAt === undefined);
    const isYoung = this.#now - since < 2 * this.#world.plan.requestTimeout;
    if (isHeld && isYoung && isClear && !this.#wasKeptSince(belief, since)) {
      fail(call, "isHeld() was wrong");
    }
  }

  /** `extend(ttl)`, called at `since`, has resolved. */
  extended({ call, tokens }: Belief, ttl: number, since: number): void {
    // All or none: what ends one of several keys may end the others.
    if (isDisturbed(call) || tokens.some(({ lostAt }) => lostAt !== undefined)) return;
    const { view } = this.#world;
    for (const {
      key,
      ownerHash,
      call: { client },
    } of tokens) {
      const stored = view.at(key);
      const leftMs = stored?.record?.ownerHash === ownerHash ? stored.remainingMs : 0;
      const atLeast = ttl - (this.#now - since) - 1;
      if (client.isRunning && leftMs < atLeast) {
        fail(call, `extend(${ttl}) left ${leftMs}`);
      }
    }
  }

  /** Every call ends within its budget, measured while its client runs with a sound clock. */
  ended(call: Call, what: string, since: number, budgetMs: number): void {
    if (isDisturbedSince(call, since)) return;
    const tookMs = this.#now - since;
    if (tookMs > budgetMs / 0.99 + SLACK_MS) {
      fail(call, `${what} took ${tookMs.toFixed(0)} ms of ${budgetMs}`);
    }
  }

  extensionFailed(belief: Belief, error: unknown): void {
    const code: LockErrorCode = "LOCK_EXTENSION";
    if (!isLockError(error, code)) threw(belief.call, error);
  }

  get #now(): number {
    return this.#world.time.now;
  }

  /** It returned true: some renewal sent since must have found the lock. */
  #wasKeptSince({ tokens }: Belief, since: number): boolean {
    return tokens.every(({ proofs }) => proofs.some(({ trueSince }) => trueSince >= since));
  }
}

/** Some send of it was not answered, or not in time. */
function hadInconclusiveSend({ inconclusiveSends, tokens }: Call): boolean {
  return inconclusiveSends > 0 || [...tokens].some(({ openSends }) => openSends > 0);
}

function isDisturbed(call: Call): boolean {
  return isDisturbedSince(call, call.startedAt);
}

function isDisturbedSince({ client }: Call, since: number): boolean {
  return client.lastPauseEnd >= since || client.clock.disturbedUntil >= since;
}

function threw(call: Call, error: unknown): void {
  fail(call, `threw ${error instanceof Error ? error.message : JSON.stringify(error)}`);
}

function fail(call: Call, what: string): void {
  throw new Violation(`${call.trace} ${what}`);
}
