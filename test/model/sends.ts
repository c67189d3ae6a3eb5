import type { Instant } from "../../src/runtime.ts";
import type { Client } from "./client.ts";
import { tokensOf, type Command } from "./evidence.ts";
import type { Grant, Refusal } from "../../src/database/operations.ts";
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
  const tokens = concerned(world, command);
  checkPledge(world, client, command, tokens);
  const { operation } = command;
  const trueSince = time.now;
  const since = client.now();
  let isOpen = true;
  for (const token of tokens) {
    if (command.operation === "acquire") {
      token.openSends += 1;
      token.askedMs = Math.max(token.askedMs, command.request.ttlMs);
    }
    if (operation === "release") {
      token.releaseSends += 1;
      token.releaseSentAt = Math.min(token.releaseSentAt, trueSince);
    }
  }
  const close = (isDefinite: boolean): void => {
    if (!isOpen) return;
    isOpen = false;
    for (const token of tokens) {
      const isKnown = isDefinite && !wait.isOver;
      if (operation === "acquire" && isKnown) token.openSends -= 1;
      if (!isKnown) token.call.inconclusiveSends += 1;
      if (operation === "release" && isKnown) token.releaseAnswers += 1;
    }
  };
  return {
    answered: (outcome, appliedAt) => {
      close(true);
      if (operation === "acquire" && !wait.isOver) noteFence(world.ledger, client, outcome);
      for (const [index, token] of tokens.entries()) {
        const status = statusOf(Array.isArray(outcome) ? outcome[index] : outcome);
        const proof = { trueSince, since };
        if (operation === "acquire") {
          acquireAnswered(token, status, proof);
          const tookMs = time.now - trueSince;
          // Too little of the TTL may be left by now.
          if (tookMs >= command.request.livenessMs * 0.8) token.call.inconclusiveSends += 1;
        } else if (operation === "renew") {
          renewalAnswered(token, status, proof, wait.isOver ? -Infinity : appliedAt);
        } else if (operation === "release") {
          if (status === "released" && !wait.isOver) token.releaseConfirmed = true;
          const isNot = status === "missing" || status === "held";
          if (isNot && token.releaseAnswers === token.releaseSends) token.notOwnedReported = true;
          if (status === undefined) token.releaseFailures += 1;
        }
      }
    },
    refused: () => {
      close(true);
      for (const token of tokens) {
        token.call.inconclusiveSends += 1;
        if (operation === "release") token.releaseFailures += 1;
      }
    },
    inconclusive: () => close(false),
  };
}

/** It has seen this fence, unless that is beyond what a clock can have begun. */
function noteFence({ seen }: Ledger, client: Client, outcome: unknown): void {
  const { fence, lockData } = outcome as Partial<Grant> & Partial<Pick<Refusal, "lockData">>;
  const told = fence ?? lockData?.fence ?? 0;
  if (told <= LAST_FENCE) seen.set(client, Math.max(seen.get(client) ?? 0, told));
}

function acquireAnswered(
  token: Token,
  status: string | undefined,
  proof: { readonly trueSince: number; readonly since: Instant },
): void {
  if (status === "granted") token.proofs.push(proof);
  else if (status === "held") token.call.refused = true;
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

function concerned({ ledger }: SendWorld, command: Command): readonly Token[] {
  switch (command.operation) {
    case "renew":
      return tokensOf(ledger, command.request);
    case "acquire":
    case "release":
      return tokensOf(ledger, command.request.claims);
    case "inspect":
    case "forceDelete":
    case "read":
      return [];
  }
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
      (command.operation !== "release" || view.at(key)?.record?.ownerHash === ownerHash) &&
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
