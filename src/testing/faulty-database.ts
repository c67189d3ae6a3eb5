import { checkInteger, checkOptions, type OptionNames } from "../check.ts";
import { Database } from "../database/database.ts";
import { listOperation, type ListPage, type ListRequest } from "../database/listing.ts";
import type { LockData, ProcessData } from "../database/lock-record.ts";
import {
  jobOperations,
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
import { classifyFailure } from "../errors.ts";
import { systemRuntime, type Runtime } from "../runtime.ts";
import {
  ActiveFault,
  throughFaults,
  type DatabaseOperation,
  type Fault,
  type InjectedFault,
} from "./fault.ts";
import { seededRandom } from "./seeded.ts";

export interface FaultyDatabaseOptions {
  /** Clock of delays and timeouts; should be that of the database. @default the system's */
  readonly runtime?: Runtime | undefined;
  /** Decides what `probability` hits. @default 1 */
  readonly seed?: number | undefined;
}

const FAULTY_DATABASE_OPTIONS: OptionNames<FaultyDatabaseOptions> = { runtime: true, seed: true };

/**
 * Any Database, with faults on the way to it.
 *
 * @example
 * const database = new FaultyDatabase(new MemoryDatabase());
 * const lost = database.inject({ kind: "loseReply", operations: ["release"], times: 1 });
 * await new LockService({ database }).withLock("orders", work); // releases twice
 * lost.hits; // 1
 */
export class FaultyDatabase extends Database {
  readonly #database: Database;
  readonly #random: () => number;
  readonly #faults = new Set<ActiveFault>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #calls = new Map<DatabaseOperation, number>();

  /** @throws LockConfigurationError naming the option */
  constructor(database: Database, options: FaultyDatabaseOptions = {}) {
    checkOptions("FaultyDatabase", options, FAULTY_DATABASE_OPTIONS);
    const { runtime = systemRuntime, seed = 1 } = options;
    super({ requestTimeout: database.requestTimeout, runtime });
    database.errors.subscribe((error) => this.report(error));
    this.#database = database;
    this.#random = seededRandom(checkInteger("seed", seed, 0, 2 ** 32 - 1));
  }

  /**
   * Puts a fault in place. Where several match, all take effect, the oldest nearest to the caller.
   *
   * @throws LockConfigurationError
   */
  inject(fault: Fault): InjectedFault {
    const active = new ActiveFault(fault, this.#random, () => this.#faults.delete(active));
    this.#faults.add(active);
    return active;
  }

  /** Ends all faults. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** How often an operation was called, whatever came of it. */
  calls(operation: DatabaseOperation): number {
    return this.#calls.get(operation) ?? 0;
  }

  /** Resolves when every command has arrived, those whose callers gave up included. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  override get capabilities(): Capabilities {
    return this.#database.capabilities;
  }

  override acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#carry("acquire", () => this.#database.acquire(request));
  }

  override renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return this.#carry("renew", () => this.#database.renew(requests));
  }

  override release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.#carry("release", () => this.#database.release(request));
  }

  override admit(requests: readonly AdmitRequest[]): Promise<readonly JobOutcome<AdmitOutcome>[]> {
    return this.#carry("admit", () => jobOperations(this.#database).admit(requests));
  }

  override complete(
    requests: readonly CompleteRequest[],
  ): Promise<readonly JobOutcome<ReleaseOutcome>[]> {
    return this.#carry("complete", () => jobOperations(this.#database).complete(requests));
  }

  override recall(key: string): Promise<ResultRecord | null> {
    return this.#carry("recall", () => jobOperations(this.#database).recall(key));
  }

  override forget(key: string, ownerHash: string): Promise<boolean> {
    return this.#carry("forget", () => jobOperations(this.#database).forget(key, ownerHash));
  }

  override inspect(key: string): Promise<Inspection | null> {
    return this.#carry("inspect", () => this.#database.inspect(key));
  }

  override list(request?: ListRequest): Promise<ListPage> {
    return this.#carry("list", async () => listOperation(this.#database)(request));
  }

  override forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return this.#carry("forceDelete", () => this.#database.forceDelete(key, ownerHash));
  }

  readLockData(key: string): Promise<LockData | null> {
    return this.#carry("readLockData", () => this.#database.readLockData(key));
  }

  tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    return this.#carry("tryCreate", () => this.#database.tryCreate(key, lockData, ttlMs));
  }

  tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    return this.#carry("tryUpdate", () =>
      this.#database.tryUpdate(key, lockData, ttlMs, onlyIfOwnerHashEq),
    );
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    try {
      return await this.#carry("tryDelete", () => this.#database.tryDelete(key, onlyIfOwnerHashEq));
    } catch (error) {
      if (classifyFailure(error).retriable) return { retriableError: error };
      throw error;
    }
  }

  readProcessData(processHash: string): Promise<ProcessData | null> {
    return this.#carry("readProcessData", () => this.#database.readProcessData(processHash));
  }

  saveProcessData(processHash: string, processData: ProcessData, ttlMs: number): Promise<void> {
    return this.#carry("saveProcessData", () =>
      this.#database.saveProcessData(processHash, processData, ttlMs),
    );
  }

  override createLockData(owner: Parameters<Database["createLockData"]>[0]): LockData {
    return this.#database.createLockData(owner);
  }

  override createProcessData(): ProcessData {
    return this.#database.createProcessData();
  }

  terminate(): Promise<void> {
    return this.#database.terminate();
  }

  #carry<T>(operation: DatabaseOperation, apply: () => Promise<T>): Promise<T> {
    this.#calls.set(operation, this.calls(operation) + 1);
    const faults = [...this.#faults].filter((fault) => fault.concerns(operation));
    if (faults.length === 0) return apply();
    const arrival = throughFaults(faults, { operation, apply }, this.runtime);
    this.#underWay.add(arrival);
    const forget = (): void => void this.#underWay.delete(arrival);
    arrival.then(forget, forget);
    return this.awaitAnswer(operation, arrival);
  }
}
