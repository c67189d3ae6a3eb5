import { checkInteger, checkType, show } from "../check.ts";
import { Database, MIN_GRACE_MS, type DatabaseOptions } from "../database/database.ts";
import {
  type CreateOutcome,
  type DeleteOutcome,
  type LockData,
  type ProcessData,
  type ReleaseOutcome,
  type UpdateOutcome,
} from "../database/operations.ts";
import { LockConfigurationError, failureOf } from "../errors.ts";
import { LockStatus } from "../database/lock-status.ts";
import { databaseFailure, unreadableReply } from "./failure.ts";
import * as scripts from "./primitive-scripts.ts";
import type { RedisClient } from "./client.ts";
import { decodeLockData, decodeProcessData } from "../database/lock-record.ts";
import { decodeReply, type Reply } from "./reply.ts";

/** Options of {@link RedisDatabase}; times in ms. */
export interface RedisDatabaseOptions extends DatabaseOptions {
  /** Goes in front of every key, e.g. `"shop:"`; on Redis Cluster a hash tag, `"{shop}"`. @default "" */
  readonly prefix?: string | undefined;
  /**
   * Asks Upstash to lock only the script's keys, not the whole database, while it runs. Stock Redis
   * refuses scripts marked so. @default false
   */
  readonly keyLocking?: boolean | undefined;
  /** How long a request may be late in the network and do no harm: 10,000 or more. @default 30_000 */
  readonly graceMs?: number | undefined;
}

/**
 * How RedisDatabase names its keys and runs its scripts, and the primitives of distributed-locker
 * on top of that.
 */
export abstract class RedisPrimitives extends Database {
  protected readonly graceMs: number;
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #shebang: string;

  constructor(redis: RedisClient, options: RedisDatabaseOptions = {}) {
    super(options);
    const { prefix = "", keyLocking = false, graceMs = 30_000 } = options;
    if (typeof redis?.eval !== "function") {
      throw new LockConfigurationError(
        "redis",
        `must be a client with an eval method, such as Redis of @upstash/redis, but is ${show(redis)}`,
      );
    }
    checkType("prefix", prefix, "string");
    checkType("keyLocking", keyLocking, "boolean");
    this.#redis = redis;
    this.#prefix = prefix;
    this.#shebang = keyLocking ? "#!lua flags=allow-key-locking\n" : "";
    this.graceMs = checkInteger("graceMs", graceMs, MIN_GRACE_MS);
  }

  async readLockData(key: string): Promise<LockData | null> {
    const { rest } = await this.run("read", scripts.READ, [this.lockKey(key)], []);
    return decodeLockData(rest[0]);
  }

  async tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    const outcome = await this.#write("try-create", scripts.TRY_CREATE, key, lockData, ttlMs);
    if (outcome.status === LockStatus.NO_KEY) throw unreadableReply("try-create");
    return outcome;
  }

  tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    return this.#write("try-update", scripts.TRY_UPDATE, key, lockData, ttlMs, onlyIfOwnerHashEq);
  }

  async #write(
    operation: string,
    script: string,
    key: string,
    lockData: LockData,
    ttlMs: number,
    ownerHash: string = lockData.ownerHash,
  ): Promise<UpdateOutcome> {
    const args = [ownerHash, JSON.stringify(lockData), String(ttlMs)];
    const { status, rest } = await this.run(operation, script, [this.lockKey(key)], args);
    if (status === LockStatus.NO_KEY) return { status, lockData: null };
    const stored = decodeLockData(rest[0]);
    if (status === LockStatus.SOMEONE_ELSE_HOLDS_LOCK) return { status, lockData: stored };
    if (status !== LockStatus.SUCCESS || stored === null) throw unreadableReply(operation);
    return { status, lockData: stored };
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    try {
      const keys = [this.lockKey(key)];
      const { status, rest } = await this.run("try-delete", scripts.TRY_DELETE, keys, [
        onlyIfOwnerHashEq,
      ]);
      return decodeDelete("try-delete", status, rest[0]);
    } catch (error) {
      if (failureOf(error).retriable) return { retriableError: error };
      throw error;
    }
  }

  async readProcessData(processHash: string): Promise<ProcessData | null> {
    const { rest } = await this.run("read", scripts.READ, [this.procKey(processHash)], []);
    return decodeProcessData(rest[0]);
  }

  async saveProcessData(
    processHash: string,
    processData: ProcessData,
    ttlMs: number,
  ): Promise<void> {
    const args = [JSON.stringify(processData), String(ttlMs)];
    await this.run("save-process", scripts.SAVE_PROCESS, [this.procKey(processHash)], args);
  }

  /** HTTP keeps no connection: nothing to let go of. */
  async terminate(): Promise<void> {}

  /** The only place a command leaves from: bounded in time, its answer decoded. */
  protected async run(
    operation: string,
    script: string,
    keys: string[],
    args: string[],
  ): Promise<Reply> {
    const sent = Promise.resolve().then(() => this.#redis.eval(this.#shebang + script, keys, args));
    const reply = decodeReply(await this.bounded(operation, sent, databaseFailure));
    if (reply === undefined) throw this.report(unreadableReply(operation));
    return reply;
  }

  protected lockKey(key: string): string {
    return `${this.#prefix}lock:${key}`;
  }

  protected procKey(processHash: string): string {
    return `${this.#prefix}proc:${processHash}`;
  }

  protected goneKey(ownerHash: string): string {
    return `${this.#prefix}gone:${ownerHash}`;
  }

  protected fenceKey(): string {
    return `${this.#prefix}fence`;
  }
}

/** Reads the answer of a script that deletes. */
export function decodeDelete(operation: string, status: string, record: unknown): ReleaseOutcome {
  switch (status) {
    case LockStatus.SUCCESS:
    case LockStatus.NO_KEY:
      return { status, lockData: null };
    case LockStatus.SOMEONE_ELSE_HOLDS_LOCK:
      return { status, lockData: decodeLockData(record) };
    default:
      throw unreadableReply(operation);
  }
}
