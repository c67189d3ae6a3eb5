import type { Lock } from "../../src/lock.ts";
import { Violation, type Call, type Ledger, type Token } from "./ledger.ts";
import type { Client } from "./client.ts";
import type { StoreView } from "./store-view.ts";

/** A lock that its client has acquired and not begun to release. */
export interface Belief {
  readonly call: Call;
  readonly lock: Lock;
  /** Read from the lock once: it must abort without the lock being accessed again. */
  readonly signal: AbortSignal;
  readonly tokens: readonly Token[];
  readonly since: number;
}

/** Which clients believe they hold which locks, checked against the store at every step. */
export class Beliefs {
  readonly #view: StoreView;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #held = new Set<Belief>();
  readonly #written = new Map<string, { fence: number; order: number; era: number }>();

  constructor(view: StoreView, ledger: Ledger, now: () => number) {
    this.#view = view;
    this.#ledger = ledger;
    this.#now = now;
  }

  begin(call: Call, lock: Lock): Belief {
    const tokens = [...call.tokens].filter(
      ({ ownerHash }) => hashOf(ownerHash) === hashOf(lock.token),
    );
    if (lock.fence === undefined || tokens.length !== lock.keys.length) {
      throw new Violation(`${call.trace} got a lock without a claim`);
    }
    for (const { grants, ownerHash } of tokens) {
      if (!grants.has(lock.fence)) throw new Violation(`${ownerHash} was never granted`);
    }
    const belief = { call, lock, signal: lock.signal, tokens, since: this.#now() };
    this.#held.add(belief);
    return belief;
  }

  end(belief: Belief): void {
    this.#held.delete(belief);
  }

  /** At most one client believes it holds a lock: none does once the store has granted, or would grant, it to another. */
  look(): void {
    for (const belief of this.#held) {
      const { call, lock, signal, tokens } = belief;
      if (call.client.isDead) this.#held.delete(belief);
      else if (call.client.isRunning && !tokens.every((token) => this.#isRight(belief, token))) {
        // A client that was paused, or set its timers by a wrong clock, notices when it checks; any
        // other client's signal must have aborted by now.
        const { lastPauseEnd, clock } = call.client;
        const mayBeAsleep = Math.max(lastPauseEnd, clock.disturbedUntil) >= belief.since;
        if (signal.aborted || (mayBeAsleep && !isHeld(lock))) continue;
        const wrong = tokens.find((token) => !this.#isRight(belief, token));
        const holder = this.#view.at(wrong?.key ?? "")?.record?.ownerHash ?? "nobody";
        throw new Violation(
          `${call.trace} believes it holds ${wrong?.ownerHash} (fence ${lock.fence}), while ${holder} has ${wrong?.key}`,
        );
      }
    }
  }

  /** Whether the store keeps everyone else out of all its keys. */
  isKept({ lock, tokens }: Belief): boolean {
    return tokens.every(({ key, ownerHash }) => this.#view.keepsOut(key, ownerHash, lock.fence));
  }

  /** Of several keys, the loss of one excuses no belief in another. */
  #isRight({ lock, call }: Belief, token: Token): boolean {
    return (
      this.#view.keepsOut(token.key, token.ownerHash, lock.fence) || this.isExcused(token, call)
    );
  }

  /** The documented exceptions: data loss, forceRelease, a server's clock set forward, a slow clock. */
  isExcused(token: Token, { client }: Call): boolean {
    const isLost = token.lostAt !== undefined || token.expiresEarly;
    return isLost || !isHonest(token, client, this.#now());
  }

  /** A write to a resource that compares fences. */
  write(belief: Belief): void {
    const fence = belief.lock.fence ?? 0;
    for (const { key, grants, ownerHash } of belief.tokens) {
      const { order, era } = grants.get(fence) ?? { order: 0, era: 0 };
      const before = this.#written.get(key) ?? { fence: 0, order: 0, era };
      const isComparable = era === before.era;
      const isAccepted = fence >= before.fence || !isComparable;
      if (isComparable && isAccepted && order < before.order) {
        throw new Violation(`the fenced resource accepted ${ownerHash}, which is older`);
      }
      if (isAccepted) this.#written.set(key, { fence, order, era });
      else if (order > before.order) {
        throw new Violation(`the fenced resource rejected ${ownerHash}, which is newer`);
      }
    }
  }

  /** No record of a call that is over, and none that outlives its requested TTL. */
  lookForOrphans(keys: readonly string[]): void {
    for (const key of keys) {
      const record = this.#view.at(key)?.record;
      const token = record ? this.#ledger.token(record.ownerHash) : undefined;
      if (token === undefined) continue;
      if (this.#now() > token.blocksUntil + 1 && this.#view.isTaken(key)) {
        throw new Violation(`${token.ownerHash} blocks the key for longer than it requested`);
      }
      if (token.call.closed !== undefined && isOrphan(token, this.#ledger, this.#now())) {
        throw new Violation(
          `${token.ownerHash} is stored although its call has ${token.call.closed}`,
        );
      }
    }
  }
}

function isOrphan(token: Token, ledger: Ledger, now: number): boolean {
  if (token.tombstoneLost || ledger.mayLinger(token)) return false;
  // Delivered after its tombstone expired: may block for one TTL.
  if (token.goneAt > -Infinity) return ledger.isBuried(token);
  if (token.releaseSends === 0) return true;
  // Every release was lost: the client may give up after three, or when the TTL has passed.
  const { client, closed, startedAt } = token.call;
  const isSound = Math.max(client.lastPauseEnd, client.clock.disturbedUntil) < startedAt;
  const isGivenUp = token.releaseSends >= 3 || now >= token.releaseSentAt + 0.9 * token.askedMs;
  const isTrying = token.releaseFailures === 0 && !isGivenUp;
  return closed === "failed" && isSound && isTrying;
}

function isHonest(token: Token, client: Client, now: number): boolean {
  return token.proofs.every(({ trueSince, since }) =>
    client.clock.isHonestSince(trueSince, since, now),
  );
}

function isHeld(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}

/** The part of an owner hash that all claims of one acquisition share. */
function hashOf(ownerHash: string): string {
  return ownerHash.slice(ownerHash.lastIndexOf("@"));
}
