import { checkInteger, checkOptions, checkType, type OptionNames } from "../check.ts";
import { EVERY_CAPABILITY } from "../database/capabilities.ts";
import { Database, type DatabaseOptions } from "../database/database.ts";
import type { ListPage, ListRequest } from "../database/listing.ts";
import {
  canOutliveHolder,
  createProcessData,
  decodeLockData,
  decodeProcessData,
  firstFence,
  highestFence,
  type LockData,
  type ProcessData,
} from "../database/lock-record.ts";
import {
  MIN_GRACE_MS,
  isFailed,
  type AcquireOutcome,
  type AcquireRequest,
  type AdmitOutcome,
  type AdmitRequest,
  type Capabilities,
  type CompleteRequest,
  type Inspection,
  type JobOutcome,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
} from "../database/operations.ts";
import type { ResultRecord } from "../database/result-record.ts";
import type { CreateOutcome, DeleteOutcome, UpdateOutcome } from "../database/primitives.ts";
import { classifyFailure, noAnswerWithin } from "../errors.ts";
import { bounded } from "../runtime.ts";
import { checkClient, type RedisClient } from "./client.ts";
import { namesUnder, type Command, type Names } from "./command.ts";
import { evaluate } from "./evaluate.ts";
import { toDatabaseError, unreadableReply } from "./failure.ts";
import { decodeReply } from "./reply.ts";
import { acquireCommand, type AcquireSettings } from "./lua/acquire.ts";
import { admitCommand } from "./lua/admit.ts";
import { completeCommand } from "./lua/complete.ts";
import { forceDeleteCommand } from "./lua/force-delete.ts";
import { forgetCommand } from "./lua/forget.ts";
import { inspectCommand } from "./lua/inspect.ts";
import { listCommand } from "./lua/list.ts";
import { readCommand } from "./lua/read.ts";
import { recallCommand } from "./lua/recall.ts";
import { releaseCommand } from "./lua/release.ts";
import { inParts, renewCommand } from "./lua/renew.ts";
import { saveProcessCommand } from "./lua/save-process.ts";
import { tryCreateCommand } from "./lua/try-create.ts";
import { tryDeleteCommand } from "./lua/try-delete.ts";
import { tryUpdateCommand } from "./lua/try-update.ts";

/** Options of {@link RedisDatabase}; times in ms. */
export interface RedisDatabaseOptions extends DatabaseOptions {
  /**
   * Prepended to every key, e.g. `"shop:"`; on Redis Cluster a hash tag, `"{shop}"`. With `""`, locks are
   * shared with distributed-locker. @default "leasehold:"
   */
  readonly prefix?: string | undefined;
  /**
   * Asks Upstash to lock only the script's keys, not the whole database, while it runs. Stock Redis
   * refuses scripts marked so. @default false
   */
  readonly keyLocking?: boolean | undefined;
  /** How late a request may be delivered and still do no harm: 10,000 or more. @default 30_000 */
  readonly gracePeriod?: number | undefined;
}

const REDIS_DATABASE_OPTIONS: OptionNames<RedisDatabaseOptions> = {
  prefix: true,
  keyLocking: true,
  gracePeriod: true,
  requestTimeout: true,
  runtime: true,
};

/**
 * Locks in Redis, over any client with an `eval`: `@upstash/redis`, `@vercel/kv`. Every operation
 * is one script, sent by its hash where the client can.
 *
 * @throws LockConfigurationError naming the option
 * @example const database = new RedisDatabase(Redis.fromEnv(), { prefix: "shop:" }); // @upstash/redis
 */
export class RedisDatabase extends Database {
  readonly #redis: RedisClient;
  readonly #names: Names;
  readonly #shebang: string;
  readonly #graceMs: number;
  /** The highest of all replies: a counter that was lost goes on above it (R6). */
  #highestFence = 0;

  constructor(redis: RedisClient, options: RedisDatabaseOptions = {}) {
    checkOptions("RedisDatabase", options, REDIS_DATABASE_OPTIONS);
    super(options);
    const { prefix = "leasehold:", keyLocking = false, gracePeriod = 30_000 } = options;
    checkClient(redis);
    checkType("prefix", prefix, "string");
    checkType("keyLocking", keyLocking, "boolean");
    this.#redis = redis;
    this.#names = namesUnder(prefix);
    this.#shebang = keyLocking ? "#!lua flags=allow-key-locking\n" : "";
    this.#graceMs = checkInteger("gracePeriod", gracePeriod, MIN_GRACE_MS);
  }

  override get capabilities(): Capabilities {
    return EVERY_CAPABILITY;
  }

  override async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    const command = acquireCommand(this.#names, request, this.#acquireSettings());
    return this.#noteFence(await this.#run(command));
  }

  override async admit(
    requests: readonly AdmitRequest[],
  ): Promise<readonly JobOutcome<AdmitOutcome>[]> {
    const outcomes = await this.#run(admitCommand(this.#names, requests, this.#acquireSettings()));
    return outcomes.map((outcome) => (isFailed(outcome) ? outcome : this.#noteFence(outcome)));
  }

  override async complete(
    requests: readonly CompleteRequest[],
  ): Promise<readonly JobOutcome<ReleaseOutcome>[]> {
    return this.#run(completeCommand(this.#names, requests, this.#graceMs));
  }

  override async recall(key: string): Promise<ResultRecord | null> {
    return this.#run(recallCommand(this.#names, key));
  }

  override async forget(key: string, ownerHash: string): Promise<boolean> {
    return this.#run(forgetCommand(this.#names, key, ownerHash));
  }

  override async list(request: ListRequest = {}): Promise<ListPage> {
    return this.#run(listCommand(this.#names, request));
  }

  #acquireSettings(): AcquireSettings {
    const now = this.runtime.now();
    return {
      graceMs: this.#graceMs,
      firstFence: firstFence(now),
      highestFence: this.#highestFence,
      processData: JSON.stringify(createProcessData(now)),
    };
  }

  #noteFence<Outcome extends AdmitOutcome>(outcome: Outcome): Outcome {
    this.#highestFence = highestFence(this.#highestFence, outcome);
    return outcome;
  }

  override async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    const processData = JSON.stringify(createProcessData(this.runtime.now()));
    return inParts(requests, (part) => this.#run(renewCommand(this.#names, part, processData)));
  }

  override async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.#run(releaseCommand(this.#names, request, this.#graceMs));
  }

  override async inspect(key: string): Promise<Inspection | null> {
    const seen = await this.#run(inspectCommand(this.#names, key));
    if (seen === null) return null;
    const { lockData, remainingMs } = seen;
    const isSuspect = lockData !== null && canOutliveHolder(lockData, remainingMs);
    if (!isSuspect) return { lockData, remainingMs, alive: true };
    // Only such a record can belong to a dead process, and is worth a second look.
    const { processHash } = lockData;
    const again = await this.#run(inspectCommand(this.#names, key, { processHash }));
    if (again === null) return null;
    const { digest: _, ...found } = again;
    const isSame = found.lockData?.processHash === processHash;
    return { ...found, alive: !isSame || found.alive };
  }

  override async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    const target = ownerHash === null ? await this.#garbageAt(key) : { ownerHash };
    if (target === undefined) return false;
    return this.#run(forceDeleteCommand(this.#names, key, target, this.#graceMs));
  }

  /** Identifies what is stored at a key, if we cannot read it: cjson and JSON.parse accept different input. */
  async #garbageAt(key: string): Promise<{ readonly digest: string } | undefined> {
    const seen = await this.#run(inspectCommand(this.#names, key, { wantsDigest: true }));
    if (seen === null || seen.lockData !== null) return undefined;
    if (seen.digest === undefined) throw this.report(unreadableReply("inspect"));
    return { digest: seen.digest };
  }

  readLockData(key: string): Promise<LockData | null> {
    return this.#run(readCommand(this.#names.lock + key, decodeLockData));
  }

  tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    return this.#run(tryCreateCommand(this.#names, key, lockData, ttlMs));
  }

  tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    const update = { lockData, ttlMs, ownerHash: onlyIfOwnerHashEq };
    return this.#run(tryUpdateCommand(this.#names, key, update));
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    try {
      return await this.#run(tryDeleteCommand(this.#names, key, onlyIfOwnerHashEq));
    } catch (error) {
      if (classifyFailure(error).retriable) return { retriableError: error };
      throw error;
    }
  }

  readProcessData(processHash: string): Promise<ProcessData | null> {
    return this.#run(readCommand(this.#names.process + processHash, decodeProcessData));
  }

  async saveProcessData(processHash: string, data: ProcessData, ttlMs: number): Promise<void> {
    const name = this.#names.process + processHash;
    await this.#run(saveProcessCommand(name, JSON.stringify(data), ttlMs));
  }

  /** HTTP keeps no connection: there is nothing to close. */
  async terminate(): Promise<void> {}

  /** The only place a command leaves from: bounded in time (R8), its reply decoded. */
  async #run<T>({ operation, keys, args, decode, ...command }: Command<T>): Promise<T> {
    const wait = new AbortController();
    const script = command.undeclared ? command.script : this.#shebang + command.script;
    const reply = evaluate(this.#redis, script, keys, args, wait.signal);
    const outcome = await bounded(this.runtime, reply, this.requestTimeout);
    wait.abort();
    if (outcome.ended === "failed") {
      throw this.report(toDatabaseError(operation, outcome.error, this.#names));
    }
    if (outcome.ended !== "done") throw this.report(noAnswerWithin(this.requestTimeout, operation));
    const value = decodeReply(outcome.value);
    const decoded = value && decode(value);
    if (decoded === undefined) throw this.report(unreadableReply(operation));
    return decoded;
  }
}
