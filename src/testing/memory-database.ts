import type { Capabilities } from "../database/database.ts";
import { DatabaseError, LockConfigurationError } from "../errors.ts";
import {
  canOutliveHolder,
  type AcquireOutcome,
  type AcquireRequest,
  type Claim,
  type Inspection,
  type LockData,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
  type Suspect,
} from "../database/operations.ts";
import { LockStatus } from "../database/lock-status.ts";
import { decodeInteger } from "../database/lock-record.ts";
import {
  MemoryPrimitives,
  NOT_THERE,
  goneName,
  heldBy,
  lockName,
  procName,
} from "./memory-primitives.ts";

/** The largest first fence, as in RedisDatabase. */
const MAX_FIRST_FENCE = 2 ** 52;

/** What a tombstone says of an owner that may still hold, or still be refused. */
const OPEN_REASONS: ReadonlySet<string> = new Set(["refused", "granted"]);

type Refusal = AcquireOutcome & { readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK };

/**
 * A database for unit tests that behaves as RedisDatabase does, command for command, without Redis
 * and without waiting. Time is the runtime's: with a ManualRuntime, the test's.
 *
 * @example
 * const process1 = new MemoryDatabase({ runtime });
 * const process2 = new MemoryDatabase({ runtime, store: process1.store });
 */
export class MemoryDatabase extends MemoryPrimitives {
  #highestFence = 0;

  override get capabilities(): Capabilities {
    return { fences: true, remainingMs: true, severalKeys: true, tombstones: true };
  }

  override async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    const { claims, ttlMs, livenessMs, suspects } = request;
    const { processHash } = firstOf(claims).lockData;
    const own: { readonly key: string; readonly lockData: LockData }[] = [];
    const taken: Suspect[] = [];
    let refusal: Refusal | undefined;
    for (const { key, lockData } of claims) {
      const found = this.find(key);
      const holder = found?.lockData;
      const suspect = suspects.find((one) => one.key === key);
      if (holder?.ownerHash === lockData.ownerHash) own.push({ key, lockData: holder });
      else if (holder && suspect && this.#isDead(holder, suspect)) taken.push(suspect);
      else if (found) refusal ??= { ...heldBy(found), key, remainingMs: found.remainingMs };
    }
    const reasons = claims.map(({ lockData }) => this.store.get(goneName(lockData.ownerHash)));
    const isGone = reasons.some((reason) => reason !== undefined && !OPEN_REASONS.has(reason));
    const isOver = reasons.includes("refused") || (reasons.includes("granted") && own.length === 0);
    if (isGone || isOver || refusal !== undefined) {
      for (const { key } of own) this.store.delete(lockName(key));
      if (own.length > 0) this.store.delete(procName(processHash));
      if (isGone || refusal === undefined) {
        for (const { lockData } of claims) {
          this.store.lengthen(goneName(lockData.ownerHash), this.graceMs);
        }
        return { status: "GONE" };
      }
      this.#remember(claims, "refused");
      this.#seen(refusal.lockData?.fence);
      return refusal;
    }
    if (own.length === claims.length) {
      if (!this.store.has(procName(processHash))) {
        // Nobody may believe in it any more: it must not stand in the way of the next token.
        for (const { key } of own) this.store.delete(lockName(key));
        this.#remember(claims, "lost");
        return { status: "LOST" };
      }
      for (const { key } of own) this.store.lengthen(lockName(key), ttlMs);
      this.store.lengthen(procName(processHash), livenessMs);
      this.#remember(claims, "granted");
      const fence = own.at(-1)?.lockData.fence;
      return { status: LockStatus.SUCCESS, fence, takenOver: undefined };
    }
    const fence = this.#drawFence();
    const kept = new Set(own.map(({ key }) => key));
    for (const { key, lockData } of claims) {
      const found = kept.has(key) ? this.find(key) : undefined;
      this.write(key, { ...lockData, fence }, ttlMs, found);
    }
    this.writeProcess(processHash, this.createProcessData(), livenessMs);
    this.#remember(claims, "granted");
    for (const { ownerHash } of taken) this.#bury(ownerHash, "taken");
    return { status: LockStatus.SUCCESS, fence, takenOver: taken[0]?.key };
  }

  override async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return requests.map(({ key, lockData, ttlMs, livenessMs }) => {
      const proc = procName(lockData.processHash);
      const stored = this.find(key)?.lockData;
      const isOwn = stored?.ownerHash === lockData.ownerHash && stored.fence === lockData.fence;
      if (!isOwn || !this.store.has(proc)) return "LOST";
      this.store.lengthen(lockName(key), ttlMs);
      this.store.lengthen(proc, livenessMs);
      if (this.store.isFull) return LockStatus.SUCCESS;
      if (ttlMs > 0) this.store.replace(lockName(key), JSON.stringify(lockData));
      if (livenessMs > 0) this.store.replace(proc, JSON.stringify(this.createProcessData()));
      return LockStatus.SUCCESS;
    });
  }

  override async release({ claims, fence }: ReleaseRequest): Promise<ReleaseOutcome> {
    let outcome: ReleaseOutcome = { status: LockStatus.SUCCESS, lockData: null };
    let isTaken = false;
    for (const { key, lockData } of claims) {
      const { ownerHash } = lockData;
      let found = this.find(key);
      let reason = this.store.get(goneName(ownerHash)) ?? "lost";
      if (found?.lockData?.ownerHash === ownerHash) {
        this.store.delete(lockName(key));
        reason = fence === undefined || fence === found.lockData.fence ? "released" : "lost";
        found = undefined;
      }
      if (reason === "taken" || reason === "forced") isTaken = true;
      if (reason !== "released") {
        if (found) outcome = heldBy(found);
        else if (outcome.status === LockStatus.SUCCESS) outcome = NOT_THERE;
      }
      this.#bury(ownerHash, reason);
    }
    this.store.delete(procName(firstOf(claims).lockData.processHash));
    return isTaken && outcome.status !== LockStatus.SUCCESS ? { ...outcome, isTaken } : outcome;
  }

  override async inspect(key: string): Promise<Inspection | null> {
    const found = this.find(key);
    if (!found) return null;
    const { lockData, remainingMs } = found;
    const mayBeDead = lockData !== null && canOutliveHolder(lockData, remainingMs);
    return { ...found, alive: !mayBeDead || this.store.has(procName(lockData.processHash)) };
  }

  override async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    // The same command sent twice.
    if (ownerHash !== null && this.store.get(goneName(ownerHash)) === "forced") return true;
    const found = this.find(key);
    if (!found || (found.lockData?.ownerHash ?? null) !== ownerHash) return false;
    this.store.delete(lockName(key));
    if (ownerHash !== null) this.#bury(ownerHash, "forced");
    return true;
  }

  #isDead(holder: LockData, { ownerHash, processHash }: Suspect): boolean {
    const isNamed = holder.ownerHash === ownerHash && holder.processHash === processHash;
    return isNamed && !this.store.has(procName(processHash));
  }

  #remember(claims: readonly Claim[], reason: string): void {
    for (const { lockData } of claims) this.#bury(lockData.ownerHash, reason);
  }

  /** Leaves a tombstone; a full store has no room for it, and must free locks all the same. */
  #bury(ownerHash: string, reason: string): void {
    if (!this.store.isFull) this.store.set(goneName(ownerHash), reason, this.graceMs);
  }

  #drawFence(): number {
    const fromClock = Math.round(Math.min(this.runtime.now().wall * 1000, MAX_FIRST_FENCE));
    const counter = this.store.get("fence") ?? Math.max(fromClock, this.#highestFence);
    const last = decodeInteger(counter);
    if (last === undefined) {
      const message = "The fence counter is not an integer";
      throw new DatabaseError(message, { applied: "no", retriable: false });
    }
    this.store.set("fence", String(last + 1), null);
    this.#seen(last + 1);
    return last + 1;
  }

  #seen(fence = 0): void {
    this.#highestFence = Math.max(this.#highestFence, fence);
  }
}

function firstOf([first]: readonly Claim[]): Claim {
  if (first === undefined) throw new LockConfigurationError("claims", "the list is empty");
  return first;
}
