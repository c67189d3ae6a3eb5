import type { Instant } from "../../src/runtime.ts";
import type { Client } from "./client.ts";
import { GRACE_MS } from "./plan.ts";

/** A promise that was broken. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** One call of a client, and what is true of it. Named by the trace in its records. */
export interface Call {
  readonly trace: string;
  readonly client: Client;
  readonly keys: readonly string[];
  readonly startedAt: number;
  readonly tokens: Set<Token>;
  /** An answer reached the client that another holds the lock, and that was so. */
  refused: boolean;
  /** Sends that ended for the client in anything but an answer. */
  troubles: number;
  /** From here on nothing of it may be stored: it was released, or has failed and cleaned up. */
  closed: "released" | "failed" | undefined;
  maxHold: number;
}

/** Success told to a client, and when the request that brought it had left. */
export interface Proof {
  readonly trueSince: number;
  readonly since: Instant;
}

export interface Grant {
  /** Its place among all grants of the store. */
  readonly order: number;
  /** Fences of different eras cannot be compared. */
  readonly era: number;
}

/** Everything that is true of one owner hash. */
export interface Token {
  readonly ownerHash: string;
  readonly key: string;
  readonly call: Call;
  /** Its grants by their fence; more than one only where the store forgot it in between. */
  readonly grants: Map<number, Grant>;
  readonly proofs: Proof[];
  /** When it was granted last. */
  grantedAt: number;
  /** When its last tombstone was left. */
  goneAt: number;
  /** A tombstone of it may be missing: the store lost it, or had no room. */
  tombstoneLost: boolean;
  /** When the store lost it, or an administrator took it; until its client has looked again. */
  lostAt: number | undefined;
  /** It was lost so at some time. */
  wasLost: boolean;
  /** Its own release found it under its fence. */
  released: boolean;
  /** An answer saying so has reached its client in time. */
  releaseTold: boolean;
  releaseSends: number;
  releasesApplied: number;
  releaseFailures: number;
  /** When its first release left. */
  releaseSentAt: number;
  /** Answers to releases that count. */
  releaseAnswers: number;
  /** Its client was told for certain that it was not its own any more. */
  notOwnedTold: boolean;
  /** The longest TTL asked for. */
  askedMs: number;
  /** Sends of acquire that had no definite end when the client gave up on them. */
  openSends: number;
  /** It keeps others out until then at the latest. */
  blocksUntil: number;
}

/** What is known of every call and owner hash of a schedule. */
export class Ledger {
  readonly calls = new Map<string, Call>();
  readonly tokens = new Map<string, Token>();
  readonly #now: () => number;
  #grants = 0;
  highestFence = 0;
  /** The counter of the store is gone: the next grant begins it anew. */
  counterLost = true;
  #era = 0;
  /** How the counter began: when, and how wrong the clock was that it began from. */
  seeding = { at: -Infinity, wallError: 0 };

  constructor(now: () => number) {
    this.#now = now;
  }

  open(trace: string, client: Client, keys: readonly string[], maxHold = Infinity): Call {
    const call: Call = {
      trace,
      client,
      keys,
      startedAt: this.#now(),
      tokens: new Set(),
      refused: false,
      troubles: 0,
      closed: undefined,
      maxHold,
    };
    this.calls.set(trace, call);
    return call;
  }

  token(ownerHash: string): Token | undefined {
    return this.tokens.get(ownerHash);
  }

  /** The token of a claim; a claim that no call made is a bug of the model. */
  claimed(key: string, ownerHash: string, trace: string | undefined): Token {
    const known = this.tokens.get(ownerHash);
    if (known !== undefined) return known;
    const call = this.calls.get(trace ?? "");
    if (call === undefined) throw new Violation(`nobody asked for ${ownerHash}`);
    const token: Token = {
      ownerHash,
      key,
      call,
      grants: new Map(),
      proofs: [],
      grantedAt: -Infinity,
      goneAt: -Infinity,
      tombstoneLost: false,
      lostAt: undefined,
      wasLost: false,
      released: false,
      releaseTold: false,
      releaseSends: 0,
      releasesApplied: 0,
      releaseFailures: 0,
      releaseSentAt: Infinity,
      releaseAnswers: 0,
      notOwnedTold: false,
      askedMs: 0,
      openSends: 0,
      blocksUntil: -Infinity,
    };
    this.tokens.set(ownerHash, token);
    call.tokens.add(token);
    return token;
  }

  granted(tokens: readonly Token[], fence: number): void {
    this.#grants += 1;
    for (const token of tokens) {
      token.grants.set(fence, { order: this.#grants, era: this.#era });
      token.grantedAt = this.#now();
    }
  }

  /** The counter began anew by a clock so wrong that fences no longer rise. */
  beginEra(): void {
    this.#era += 1;
    this.highestFence = 0;
  }

  /** Whether a tombstone must be keeping it from acquiring. */
  isBuried(token: Token): boolean {
    return !token.tombstoneLost && this.#now() < token.goneAt + GRACE_MS;
  }

  /** Whether the store must know that it was granted. */
  isRemembered(token: Token): boolean {
    return !token.tombstoneLost && this.#now() < token.grantedAt + GRACE_MS;
  }

  /** The store no longer keeps others out for it, by no fault of its client. */
  lost(token: Token): void {
    token.lostAt = this.#now();
    token.wasLost = true;
  }

  bury(token: Token, isFull: boolean): void {
    token.goneAt = this.#now();
    if (isFull) token.tombstoneLost = true;
  }
}
