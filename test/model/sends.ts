import type { Instant } from "../../src/runtime.ts";
import type { Client } from "./client.ts";
import { claimsOf, tokensOf, type Command } from "./evidence.ts";
import type { LockData } from "../../src/database/lock-record.ts";
import type { ResultRecord } from "../../src/database/result-record.ts";
import type { AcquireRequest, Kept, ReleaseOutcome } from "../../src/database/operations.ts";
import { LAST_FENCE, Violation, type Ledger, type Token } from "./ledger.ts";
import type { Wait } from "./network.ts";
import type { StoreView } from "./store-view.ts";
import type { TrueTime } from "./true-time.ts";

/** What noting a send needs of the world. */
export interface SendWorld {
  readonly time: TrueTime;
  readonly view: StoreView;
  readonly ledger: Ledger;
  readonly broken: (thrown: unknown) => void;
}

/** One command in flight, from the client's point of view. */
export interface Send {
  /** An answer is about to reach the client; the command was applied at `appliedAt`. */
  readonly answered: (outcome: unknown, appliedAt: number) => void;
  /** A definite refusal is about to reach it. */
  readonly refused: () => void;
  /** The client gets no conclusive answer. */
  readonly inconclusive: () => void;
}

/** A command is sent: records in the ledger what its client will learn. */
export function noteSend(world: SendWorld, client: Client, command: Command, wait: Wait): Send {
  const { time } = world;
  const tokens = tokensOf(world.ledger, claimsOf(command));
  checkPledge(world, client, command, tokens);
  const { operation } = command;
  const trueSince = time.now;
  const since = client.now();
  const isRelease = operation === "release" || operation === "complete";
  let isOpen = true;
  for (const [index, token] of tokens.entries()) {
    const asked = askedBy(command, index);
    if (asked !== undefined) {
      token.openSends += 1;
      token.askedMs = Math.max(token.askedMs, asked.ttlMs);
    }
    if (isRelease) {
      token.releaseSends += 1;
      token.releaseSentAt = Math.min(token.releaseSentAt, trueSince);
    }
  }
  const close = (isDefinite: boolean): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const [index, token] of tokens.entries()) {
      const isKnown = isDefinite && !wait.isOver;
      if (askedBy(command, index) && isKnown) token.openSends -= 1;
      if (!isKnown) token.call.inconclusiveSends += 1;
      if (isRelease && isKnown) token.releaseAnswers += 1;
    }
  };
  return {
    answered: (outcome, appliedAt) => {
      close(true);
      for (const [index, token] of tokens.entries()) {
        const one: unknown = Array.isArray(outcome) ? outcome[index] : outcome;
        const status = statusOf(one);
        const proof = { trueSince, since };
        const asked = askedBy(command, index);
        if (asked !== undefined) {
          if (!wait.isOver) noteOther(world.ledger, token, one);
          acquireAnswered(token, status, proof);
          const tookMs = time.now - trueSince;
          // Too little of the TTL may be left by now.
          if (tookMs >= asked.livenessMs * 0.8) token.call.inconclusiveSends += 1;
        } else if (operation === "renew") {
          renewalAnswered(token, status, proof, wait.isOver ? -Infinity : appliedAt);
        } else if (isRelease) {
          if (status === "released" && !wait.isOver) {
            token.releaseConfirmed = true;
            token.keptTold = (one as Extract<ReleaseOutcome, { kept?: Kept }>).kept;
          }
          const isNot = status === "missing" || status === "held";
          if (isNot && token.releaseAnswers === token.releaseSends) token.notOwnedReported = true;
          if (status === undefined || status === "failed") token.releaseFailures += 1;
        }
      }
    },
    refused: () => {
      close(true);
      for (const token of tokens) {
        token.call.inconclusiveSends += 1;
        if (isRelease) token.releaseFailures += 1;
      }
    },
    inconclusive: () => close(false),
  };
}

/** What its answer says of others: a fence, unless that is beyond what a clock can have begun; and a job's input. */
function noteOther({ seen, tokens }: Ledger, { call }: Token, outcome: unknown): void {
  const { fence, lockData, record } = outcome as Partial<{
    readonly fence: number;
    readonly lockData: LockData | null;
    readonly record: ResultRecord;
  }>;
  const told = fence ?? lockData?.fence ?? record?.fence ?? 0;
  if (told <= LAST_FENCE) seen.set(call.client, Math.max(seen.get(call.client) ?? 0, told));
  const other = tokens.get((lockData ?? record)?.ownerHash ?? "")?.call.fingerprint;
  const isBoth = other !== undefined && call.fingerprint !== undefined;
  call.isOtherInput = isBoth && other !== call.fingerprint;
}

function acquireAnswered(
  token: Token,
  status: string | undefined,
  proof: { readonly trueSince: number; readonly since: Instant },
): void {
  if (status === "granted") token.proofs.push(proof);
  else if (status === "held") token.call.refused = true;
  else if (status === "remembered") token.call.remembered = true;
  else token.call.inconclusiveSends += 1;
}

function renewalAnswered(
  token: Token,
  status: string | undefined,
  proof: { readonly trueSince: number; readonly since: Instant },
  appliedAt: number,
): void {
  if (status === "renewed") token.proofs.push(proof);
  // It has checked: if it still believes it holds the lock from here on, it is at fault.
  if (token.lostAt !== undefined && appliedAt > token.lostAt) token.lostAt = undefined;
}

/** What is asked for the `index`th claim of an acquire or an admission. */
function askedBy(command: Command, index: number): AcquireRequest | undefined {
  if (command.operation === "acquire") return command.request;
  return command.operation === "admit" ? command.request[index] : undefined;
}

/** R10: nothing is sent for a lock unless waitUntil has been called for it. */
function checkPledge(
  { view, time, broken }: SendWorld,
  client: Client,
  command: Command,
  tokens: readonly Token[],
): void {
  if (client.pendingPledges > 0 || client.isDead) return;
  const isAsking = command.operation === "renew" && command.request.every((r) => r.ttlMs === 0);
  // A client that lost its lock is not responsible for what a late copy of its acquire has stored since.
  const isYoung = tokens.some(
    ({ key, ownerHash, wasLost, call }) =>
      !wasLost &&
      ((command.operation !== "release" && command.operation !== "complete") ||
        view.at(key)?.record?.ownerHash === ownerHash) &&
      time.now < call.startedAt + call.maxHold &&
      client.clock.disturbedUntil < call.startedAt,
  );
  if (isYoung && !isAsking) {
    broken(new Violation(`R10: ${command.operation} was sent before waitUntil was called`));
  }
}

function statusOf(outcome: unknown): string | undefined {
  if (typeof outcome === "string") return outcome;
  if (typeof outcome !== "object" || outcome === null || !("status" in outcome)) return undefined;
  return String(outcome.status);
}
