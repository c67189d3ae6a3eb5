import type { AcquireOutcome, AcquireRequest, Refusal } from "../../src/database/operations.ts";
import type { Client } from "./client.ts";
import type { LockData } from "../../src/database/lock-record.ts";
import { fail, othersUntouched, tokensOf, type Before } from "./evidence.ts";
import { LAST_FENCE, type Ledger, type Token } from "./ledger.ts";
import type { Stored, StoreView } from "./store-view.ts";

/** What an acquire may do to the store, and what it must return (R1, R4, R6, R7). */
export class GrantLaws {
  readonly #view: StoreView;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  #wasAlive = true;
  takeovers = 0;
  /** Keys that passed from one owner to the next. */
  handOffs = 0;
  granted = 0;
  /** Counters that a clock too far behind has restarted below what was drawn before. */
  clocksApart = 0;

  constructor(view: StoreView, ledger: Ledger, now: () => number) {
    this.#view = view;
    this.#ledger = ledger;
    this.#now = now;
  }

  acquired(
    client: Client,
    { claims, ttlMs, livenessMs, suspects, handedOff }: AcquireRequest,
    before: Before,
    outcome: AcquireOutcome | undefined,
  ): void {
    const tokens = tokensOf(this.#ledger, claims);
    // Asked before the attach, which deletes the old liveness.
    const [holder] = handedOff ?? [];
    this.#wasAlive = holder === undefined || (before.livenessMs.get(holder.processHash) ?? 0) > 0;
    const own = claims.map(({ key, lockData }) => {
      return before.locks.get(key)?.record?.ownerHash === lockData.ownerHash;
    });
    const [first] = claims;
    const livenessLeft = before.livenessMs.get(first?.lockData.processHash ?? "") ?? 0;
    const isGranted = outcome?.status === "granted";
    othersUntouched(this.#view, before, claims, isGranted ? claims.map(({ key }) => key) : []);
    if (!isGranted) {
      for (const [index, { key, lockData }] of claims.entries()) {
        const isThere = this.#view.at(key)?.record?.ownerHash === lockData.ownerHash;
        if (isThere && own[index] !== true) {
          fail(`an acquire that was not granted left ${lockData.ownerHash}`);
        }
        // Its holder may believe in it, unless its liveness has ended.
        if (!isThere && own[index] === true && outcome?.status !== "lost") {
          fail(`an acquire that was not granted gave ${lockData.ownerHash} away`);
        }
      }
      // A full store has no room for a tombstone either: a copy may arrive once there is.
      if (outcome === undefined) for (const token of tokens) token.tombstoneLost = true;
      if (outcome?.status === "lost") {
        for (const token of tokens) this.#ledger.bury(token);
        if (!own.every(Boolean) || livenessLeft > 0)
          fail("an acquire returned LOST without a lost lock");
      }
      if (outcome?.status === "held") this.#refused(tokens, outcome, before);
      return;
    }
    const { fence } = outcome;
    if (fence === undefined) return fail("a grant without a fence");
    for (const token of tokens) {
      if (this.#ledger.isBuried(token)) {
        fail(`R4: an acquire of ${token.ownerHash} was granted after its end`);
      }
    }
    for (const [index, { key, lockData }] of claims.entries()) {
      const found = before.locks.get(key);
      const after = this.#view.at(key);
      if (after?.record?.ownerHash !== lockData.ownerHash || after.record.fence !== fence) {
        fail(`a grant did not store ${lockData.ownerHash} with fence ${fence}`);
      } else if (own[index] === true) {
        if (after.remainingMs < Math.max(found?.remainingMs ?? 0, ttlMs)) {
          fail(`R1: an acquire sent again shortened ${key}`);
        }
      } else if (found !== undefined) {
        this.#tookOver(key, found, suspects, handedOff);
      } else if (handedOff !== undefined) {
        fail(`an attach took ${key}, which was free`);
      }
    }
    if (this.#view.livenessMs(first?.lockData.processHash ?? "") < livenessMs) {
      fail("a grant without its liveness");
    }
    for (const token of tokens) {
      token.blocksUntil = Math.max(token.blocksUntil, this.#now() + livenessMs);
    }
    const storedFence = before.locks.get(first?.key ?? "")?.record?.fence;
    if (own.every(Boolean)) {
      if (livenessLeft <= 0) fail("R2: an acquire resurrected a lost lock");
      if (fence !== storedFence) fail("an acquire sent again changed the fence");
      return;
    }
    if (!own.some(Boolean)) {
      for (const token of tokens) {
        if (this.#ledger.isRemembered(token)) fail(`R4: ${token.ownerHash} was granted twice`);
      }
    }
    // A late copy gave those it still has a new fence, of which their holder learns when it checks.
    for (const [index, token] of tokens.entries())
      if (own[index] === true) this.#ledger.lost(token);
    this.#drawn(client, fence);
    this.granted += 1;
    this.#ledger.granted(tokens, fence);
  }

  #refused(tokens: readonly Token[], refusal: Refusal, before: Before): void {
    const found = before.locks.get(refusal.key);
    if (found === undefined) return fail(`${refusal.key} was refused although it is free`);
    const holder = this.#ledger.token(found.record?.ownerHash ?? "");
    const isOwnCall = tokens.some((token) => token.call === holder?.call);
    // A copy of an acquire that was refused or granted before may find the token that won since; and one
    // whose tombstone is lost may be granted again, and be found by the one that replaced it.
    const isLate = tokens.some(({ goneAt, grants }) => goneAt > -Infinity || grants.size > 0);
    const isItself = holder !== undefined && tokens.includes(holder);
    const mayReturn = [holder, ...tokens].some(
      (token) => token && (token.tombstoneLost || this.#ledger.mayLinger(token)),
    );
    // Its release was sent before, and is overtaken.
    const isLeaving = holder !== undefined && holder.releaseSends > 0;
    if (isOwnCall && (isItself || !isLate) && !mayReturn && !isLeaving)
      fail(`${refusal.key} was refused by itself`);
    for (const token of tokens) this.#ledger.bury(token);
  }

  #tookOver(
    key: string,
    found: Stored,
    suspects: AcquireRequest["suspects"],
    handedOff: AcquireRequest["handedOff"],
  ): void {
    const { record } = found;
    if (record === null) return fail(`R7: ${key} was granted over what is not a record`);
    if (handedOff !== undefined) return this.#attached(key, record, handedOff);
    const isNamed = suspects.some((suspect) => suspect.ownerHash === record.ownerHash);
    if (!isNamed || this.#view.isAlive(record.processHash)) {
      return fail(`${key} was granted while ${record.ownerHash} has it`);
    }
    this.takeovers += 1;
    const old = this.#ledger.token(record.ownerHash);
    if (old !== undefined) this.#ledger.bury(old);
  }

  /** Only from its holder, alive and under its fence. */
  #attached(
    key: string,
    { ownerHash, fence }: LockData,
    handedOff: NonNullable<AcquireRequest["handedOff"]>,
  ): void {
    const holder = handedOff.find((one) => one.ownerHash === ownerHash && one.fence === fence);
    if (holder === undefined) return fail(`${key} was attached while ${ownerHash} has it`);
    if (!this.#wasAlive) fail(`${key} was attached from ${ownerHash}, which was dead`);
    this.handOffs += 1;
    const old = this.#ledger.token(ownerHash);
    if (old !== undefined) this.#ledger.bury(old);
  }

  /**
   * R6. A counter that is absent goes on above the clock of its client, and one that lags above what its
   * client has seen. Only if both are behind may a fence be lower than one before.
   */
  #drawn(client: Client, fence: number): void {
    const ledger = this.#ledger;
    const seen = ledger.seen.get(client) ?? 0;
    const least = Math.max(seen, ledger.counterLost ? client.now().wall * 1_000 : 0);
    if (fence <= least || fence > LAST_FENCE) fail(`R6: fence ${fence} was drawn, after ${least}`);
    if ((ledger.counterLost || ledger.counterLags) && fence <= ledger.highestFence) {
      if (ledger.counterLost) this.clocksApart += 1;
      ledger.beginEra();
    }
    ledger.counterLost = ledger.counterLags = false;
    if (fence <= ledger.highestFence) {
      fail(`R6: fence ${fence} was drawn after ${ledger.highestFence}`);
    }
    ledger.highestFence = fence;
  }
}
