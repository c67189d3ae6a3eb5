import type { Capabilities } from "../database/database.ts";
import {
  canOutliveHolder,
  type AcquireOutcome,
  type AcquireRequest,
  type Claim,
  type Inspection,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
} from "../database/operations.ts";
import { LockConfigurationError } from "../errors.ts";
import { LockStatus } from "../database/lock-status.ts";
import { unreadableReply } from "./failure.ts";
import { RedisPrimitives, decodeDelete } from "./redis-primitives.ts";
import { decodeInteger, decodeLockData } from "../database/lock-record.ts";
import { decodeRemaining } from "./reply.ts";
import * as scripts from "./scripts.ts";

/** The largest first fence: room for 2⁵² acquisitions before doubles round. */
const MAX_FIRST_FENCE = 2 ** 52;

/**
 * Locks in Redis, over any client with an `eval`: `@upstash/redis`, `@vercel/kv`. Every operation
 * is one EVAL.
 *
 * @throws LockConfigurationError naming the option
 * @example const database = new RedisDatabase(Redis.fromEnv(), { prefix: "shop:" });
 */
export class RedisDatabase extends RedisPrimitives {
  #highestFence = 0;

  override get capabilities(): Capabilities {
    return { fences: true, remainingMs: true, severalKeys: true, tombstones: true };
  }

  override async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    const { claims, suspects } = request;
    const [first] = claims;
    if (first === undefined) throw new LockConfigurationError("claims", "the list is empty");
    const keys = [
      this.fenceKey(),
      this.procKey(first.lockData.processHash),
      ...claims.flatMap((claim) => this.#lockAndGone(claim)),
      ...suspects.flatMap((suspect) => [
        this.procKey(suspect.processHash),
        this.goneKey(suspect.ownerHash),
      ]),
    ];
    const { status, rest } = await this.run("acquire", scripts.ACQUIRE, keys, [
      String(claims.length),
      String(request.ttlMs),
      String(request.livenessMs),
      String(this.graceMs),
      this.#firstFence(),
      JSON.stringify(this.createProcessData()),
      // The script closes the record behind the fence it draws.
      ...claims.flatMap(({ lockData }) => [
        lockData.ownerHash,
        JSON.stringify(lockData).slice(0, -1),
      ]),
      ...suspects.flatMap((suspect) => [
        String(claims.findIndex((claim) => claim.key === suspect.key) + 1),
        suspect.ownerHash,
        suspect.processHash,
      ]),
    ]);
    const [fenceText, claimNumber, record, pttl] = rest;
    const key = claims[(decodeInteger(claimNumber) ?? 0) - 1]?.key;
    switch (status) {
      case "GONE":
      case "LOST":
        return { status };
      case LockStatus.SUCCESS: {
        const fence = decodeInteger(fenceText);
        if (fence === undefined) throw unreadableReply("acquire");
        this.#seen(fence);
        return { status, fence, takenOver: key };
      }
      case LockStatus.SOMEONE_ELSE_HOLDS_LOCK: {
        const remainingMs = decodeRemaining(pttl);
        if (key === undefined || remainingMs === undefined) throw unreadableReply("acquire");
        const lockData = decodeLockData(record);
        this.#seen(lockData?.fence ?? 0);
        return { status, key, lockData, remainingMs };
      }
      default:
        throw unreadableReply("acquire");
    }
  }

  override async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    const { rest } = await this.run(
      "renew",
      scripts.RENEW,
      requests.flatMap(({ key, lockData }) => [
        this.lockKey(key),
        this.procKey(lockData.processHash),
      ]),
      [
        JSON.stringify(this.createProcessData()),
        ...requests.flatMap(({ lockData, ttlMs, livenessMs }) => [
          lockData.ownerHash,
          String(lockData.fence ?? ""),
          String(ttlMs),
          String(livenessMs),
          JSON.stringify(lockData),
        ]),
      ],
    );
    const outcomes: unknown = rest[0];
    if (!Array.isArray(outcomes) || outcomes.length !== requests.length) {
      throw unreadableReply("renew");
    }
    return outcomes.map((outcome: unknown): RenewOutcome => {
      if (outcome === LockStatus.SUCCESS || outcome === "LOST") return outcome;
      throw unreadableReply("renew");
    });
  }

  override async release({ claims, fence }: ReleaseRequest): Promise<ReleaseOutcome> {
    const [first] = claims;
    if (first === undefined) throw new LockConfigurationError("claims", "the list is empty");
    const { status, rest } = await this.run(
      "release",
      scripts.RELEASE,
      [
        this.procKey(first.lockData.processHash),
        ...claims.flatMap((claim) => this.#lockAndGone(claim)),
      ],
      [
        String(this.graceMs),
        String(fence ?? ""),
        ...claims.map(({ lockData }) => lockData.ownerHash),
      ],
    );
    const outcome = decodeDelete("release", status, rest[0]);
    const isTaken = outcome.status !== LockStatus.SUCCESS && decodeInteger(rest[1]) === 1;
    return isTaken ? { ...outcome, isTaken } : outcome;
  }

  override async inspect(key: string): Promise<Inspection | null> {
    const seen = await this.#inspect(key);
    if (seen === null) return null;
    const { lockData, remainingMs } = seen;
    if (lockData === null || !canOutliveHolder(lockData, remainingMs)) return seen;
    // Only such a record can belong to a dead process, and only then is a second look worth it.
    const again = await this.#inspect(key, lockData.processHash);
    const same = again?.lockData?.processHash === lockData.processHash;
    return same ? again : again && { ...again, alive: true };
  }

  async #inspect(key: string, processHash?: string): Promise<Inspection | null> {
    const keys = [this.lockKey(key), ...(processHash ? [this.procKey(processHash)] : [])];
    const { status, rest } = await this.run("inspect", scripts.INSPECT, keys, []);
    const remainingMs = decodeRemaining(rest[1]);
    const alive = decodeInteger(rest[2]);
    if (status === LockStatus.NO_KEY) return null;
    if (status !== LockStatus.SUCCESS || remainingMs === undefined || alive === undefined) {
      throw unreadableReply("inspect");
    }
    const lockData = decodeLockData(rest[0]);
    return { lockData, remainingMs, alive: processHash === undefined || alive === 1 };
  }

  override async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    const digest = ownerHash === null ? await this.#garbageAt(key) : "";
    if (digest === undefined) return false;
    const keys = [this.lockKey(key), ...(ownerHash === null ? [] : [this.goneKey(ownerHash)])];
    const { status } = await this.run("force-delete", scripts.FORCE_DELETE, keys, [
      String(this.graceMs),
      ownerHash ?? "",
      digest,
    ]);
    if (status !== LockStatus.SUCCESS && status !== LockStatus.NO_KEY) {
      throw unreadableReply("force-delete");
    }
    return status === LockStatus.SUCCESS;
  }

  /** Names what is stored at a key, if it is no record to us: cjson and JSON differ in what they read. */
  async #garbageAt(key: string): Promise<string | undefined> {
    const { status, rest } = await this.run("inspect", scripts.INSPECT, [this.lockKey(key)], ["1"]);
    const [record, , , digest] = rest;
    if (status === LockStatus.NO_KEY || decodeLockData(record) !== null) return undefined;
    if (typeof digest !== "string") throw unreadableReply("inspect");
    return digest;
  }

  /** Where to start counting when the counter is gone: above every fence drawn before. */
  #firstFence(): string {
    const fromClock = Math.min(this.runtime.now().wall * 1000, MAX_FIRST_FENCE);
    return Math.max(fromClock, this.#highestFence).toFixed(0);
  }

  #seen(fence: number): void {
    this.#highestFence = Math.max(this.#highestFence, fence);
  }

  #lockAndGone({ key, lockData }: Claim): string[] {
    return [this.lockKey(key), this.goneKey(lockData.ownerHash)];
  }
}
