import type { Instant } from "../../src/runtime.ts";
import type { Client } from "./client.ts";
import { tokensOf, type Command } from "./evidence.ts";
import { Violation, type Ledger, type Token } from "./ledger.ts";
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

/** One command under way, as the client learns of it. */
export interface Send {
  /** An answer is about to reach the client; it was given at `appliedAt`. */
  readonly told: (outcome: unknown, appliedAt: number) => void;
  /** A definite refusal is about to reach it. */
  readonly refused: () => void;
  /** It learns nothing that counts. */
  readonly troubled: () => void;
}

/** A command leaves: notes in the ledger what its client is going to know. */
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
      if (!isKnown) token.call.troubles += 1;
      if (operation === "release" && isKnown) token.releaseAnswers += 1;
    }
  };
  return {
    told: (outcome, appliedAt) => {
      close(true);
      for (const [index, token] of tokens.entries()) {
        const status = statusOf(Array.isArray(outcome) ? outcome[index] : outcome);
        const proof = { trueSince, since };
        if (operation === "acquire") {
          toldOfAcquire(token, status, proof);
          const tookMs = time.now - trueSince;
          // Perhaps too little of the TTL is left by now.
          if (tookMs >= command.request.livenessMs * 0.8) token.call.troubles += 1;
        } else if (operation === "renew") {
          toldOfRenewal(token, status, proof, wait.isOver ? -Infinity : appliedAt);
        } else if (operation === "release") {
          if (status === "released" && !wait.isOver) token.releaseTold = true;
          const isNot = status === "missing" || status === "held";
          if (isNot && token.releaseAnswers === token.releaseSends) token.notOwnedTold = true;
          if (status === undefined) token.releaseFailures += 1;
        }
      }
    },
    refused: () => {
      close(true);
      for (const token of tokens) {
        token.call.troubles += 1;
        if (operation === "release") token.releaseFailures += 1;
      }
    },
    troubled: () => close(false),
  };
}

function toldOfAcquire(
  token: Token,
  status: string | undefined,
  proof: { readonly trueSince: number; readonly since: Instant },
): void {
  if (status === "granted") token.proofs.push(proof);
  else if (status === "held") token.call.refused = true;
  else token.call.troubles += 1;
}

function toldOfRenewal(
  token: Token,
  status: string | undefined,
  proof: { readonly trueSince: number; readonly since: Instant },
  appliedAt: number,
): void {
  if (status === "renewed") token.proofs.push(proof);
  // It has looked: what it goes on believing from here on is its own fault.
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

/** R10: nothing leaves for a lock unless the platform has been asked to wait for its end. */
function checkPledge(
  { view, time, broken }: SendWorld,
  client: Client,
  command: Command,
  tokens: readonly Token[],
): void {
  if (client.pendingPledges > 0 || client.isDead) return;
  const isAsking = command.operation === "renew" && command.request.every((r) => r.ttlMs === 0);
  // Who has lost its lock owes nothing for what a late copy of its acquire has stored since.
  const isYoung = tokens.some(
    ({ key, ownerHash, wasLost, call }) =>
      !wasLost &&
      (command.operation !== "release" || view.at(key)?.record?.ownerHash === ownerHash) &&
      time.now < call.startedAt + call.maxHold &&
      client.clock.disturbedUntil < call.startedAt,
  );
  if (isYoung && !isAsking) {
    broken(new Violation(`R10: ${command.operation} left before waitUntil was called`));
  }
}

function statusOf(outcome: unknown): string | undefined {
  if (typeof outcome === "string") return outcome;
  if (typeof outcome !== "object" || outcome === null || !("status" in outcome)) return undefined;
  return String(outcome.status);
}
