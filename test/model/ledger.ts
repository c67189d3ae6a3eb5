import type { Kept } from "../../src/database/operations.ts";
import type { Instant } from "../../src/runtime.ts";
import type { Client } from "./client.ts";
import { GRACE_MS } from "./plan.ts";

/** No clock begins to count above it. */
export const LAST_FENCE = 2 ** 52;

/** A violated guarantee. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/**
 * One call of a client, and the facts about it. Identified by the trace in its records; in a batch, where
 * each item is a call of its own, by trace and key.
 */
export interface Call {
  readonly trace: string;
  readonly client: Client;
  readonly keys: readonly string[];
  readonly startedAt: number;
  readonly tokens: Set<Token>;
  /** The client was correctly told that another holds the lock. */
  refused: boolean;
  /** Of a job: the client was correctly told that it has completed. */
  remembered: boolean;
  /** What distinguishes the input of a job. */
  readonly fingerprint: string | undefined;
  /** The last it was told of is a job with other input. */
  isOtherInput: boolean;
  /** Sends that ended for the client without a conclusive answer. */
  inconclusiveSends: number;
  /** From now on nothing of it may be stored: it was released, or has failed and cleaned up. */
  closed: "released" | "failed" | undefined;
  maxHold: number;
}

/** A success that reached the client, and when its request was sent. */
export interface Proof {
  readonly trueSince: number;
  readonly since: Instant;
}

export interface Grant {
  /** Its position among all grants of the store. */
  readonly order: number;
  /** Fences of different eras cannot be compared. */
  readonly era: number;
}

/** All facts about one owner hash. */
export interface Token {
  readonly ownerHash: string;
  readonly key: string;
  readonly call: Call;
  /** Its grants by fence; more than one only if the store lost it in between. */
  readonly grants: Map<number, Grant>;
  readonly proofs: Proof[];
  /** When it was last granted. */
  grantedAt: number;
  /** When its last tombstone was left. */
  goneAt: number;
  /** Its tombstone may be missing: the store lost it, or had no room. */
  tombstoneLost: boolean;
  /** When the store lost it, or an administrator released it; until its client has checked again. */
  lostAt: number | undefined;
  /** It was lost in this way at some time. */
  wasLost: boolean;
  /** The store's clock was set forward since it was first sent. */
  expiresEarly: boolean;
  /** Its own release found it under its fence. */
  released: boolean;
  /** Its client has been told so in time. */
  releaseConfirmed: boolean;
  /** Of a job: what its client was told in time of the completion. */
  keptTold: Kept | undefined;
  releaseSends: number;
  releasesApplied: number;
  releaseFailures: number;
  /** When its first release was sent. */
  releaseSentAt: number;
  /** Conclusive answers to its releases. */
  releaseAnswers: number;
  /** Its client was definitely told that it no longer owned the lock. */
  notOwnedReported: boolean;
  /** The longest TTL requested. */
  askedMs: number;
  /** Sends of acquire whose outcome was unknown when the client gave up on them. */
  openSends: number;
  /** When it stops blocking the key, at the latest. */
  blocksUntil: number;
}

/** What is known about every call and owner hash of a schedule. */
export class Ledger {
  readonly calls = new Map<string, Call>();
  readonly tokens = new Map<string, Token>();
  readonly #now: () => number;
  #grants = 0;
  highestFence = 0;
  /** The store's counter is gone: the next grant restarts it. */
  counterLost = true;
  /** The store's counter was set back: whoever has seen no higher fence may repeat some. */
  counterLags = false;
  /** By client, the highest fence that an answer told it. */
  readonly seen = new Map<Client, number>();
  #era = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  open(
    trace: string,
    client: Client,
    keys: readonly string[],
    {
      maxHold = Infinity,
      fingerprint,
    }: { maxHold?: number; fingerprint?: string | undefined } = {},
  ): Call {
    const call: Call = {
      trace,
      client,
      keys,
      startedAt: this.#now(),
      tokens: new Set(),
      refused: false,
      remembered: false,
      fingerprint,
      isOtherInput: false,
      inconclusiveSends: 0,
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
    const call = this.calls.get(trace ?? "") ?? this.calls.get(`${trace}/${key}`);
    if (call === undefined) throw new Violation(`no call requested ${ownerHash}`);
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
      expiresEarly: false,
      released: false,
      releaseConfirmed: false,
      keptTold: undefined,
      releaseSends: 0,
      releasesApplied: 0,
      releaseFailures: 0,
      releaseSentAt: Infinity,
      releaseAnswers: 0,
      notOwnedReported: false,
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

  /** The counter was restarted by a clock so wrong that fences no longer increase. */
  beginEra(): void {
    this.#era += 1;
    this.highestFence = 0;
  }

  /** Whether a tombstone must prevent it from acquiring. */
  isBuried(token: Token): boolean {
    return !token.tombstoneLost && this.#now() < token.goneAt + GRACE_MS;
  }

  /**
   * Whether one of several keys may be left to it until it expires: the store lost another, and a second
   * copy of its acquire was refused. To roll back every refusal of several keys would cost a request each.
   */
  mayLinger({ call }: Token): boolean {
    return call.refused && [...call.tokens].some(({ wasLost }) => wasLost);
  }

  /** Whether the store must remember that it was granted. */
  isRemembered(token: Token): boolean {
    return !token.tombstoneLost && this.#now() < token.grantedAt + GRACE_MS;
  }

  /** The store no longer keeps others out for it, through no fault of its client. */
  lost(token: Token): void {
    token.lostAt = this.#now();
    token.wasLost = true;
  }

  bury(token: Token): void {
    token.goneAt = this.#now();
  }
}
