import { checkInteger, checkOptions, type OptionNames } from "../check.ts";
import { EVERY_CAPABILITY } from "../database/capabilities.ts";
import { Database, type DatabaseOptions } from "../database/database.ts";
import type { ListPage, ListRequest } from "../database/listing.ts";
import {
  decodeProcessData,
  highestFence,
  type LockData,
  type ProcessData,
} from "../database/lock-record.ts";
import {
  MIN_GRACE_MS,
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
import type { CreateOutcome, DeleteOutcome, UpdateOutcome } from "../database/primitives.ts";
import type { ResultRecord } from "../database/result-record.ts";
import { acquireByRules } from "../database/rules/acquire.ts";
import { forceDeleteByRules } from "../database/rules/force-delete.ts";
import { inspectByRules } from "../database/rules/inspect.ts";
import {
  tryCreateByRules,
  tryDeleteByRules,
  tryUpdateByRules,
} from "../database/rules/primitives.ts";
import {
  admitByRules,
  completeByRules,
  forgetByRules,
  recallByRules,
} from "../database/rules/jobs.ts";
import { releaseByRules } from "../database/rules/release.ts";
import { renewByRules } from "../database/rules/renew.ts";
import { find, processName, saveProcess, type RuleSettings } from "../database/rules/store.ts";
import { systemRuntime } from "../runtime.ts";
import { listStore } from "./memory-listing.ts";
import { MemoryStore } from "./memory-store.ts";

/** Options of {@link MemoryDatabase}; times in ms. */
export interface MemoryDatabaseOptions extends DatabaseOptions {
  /** Shared by several databases, they stand for as many processes. @default one of its own */
  readonly store?: MemoryStore | undefined;
  /** How late a request may be delivered and still do no harm: 10,000 or more. @default 30_000 */
  readonly gracePeriod?: number | undefined;
}

const MEMORY_DATABASE_OPTIONS: OptionNames<MemoryDatabaseOptions> = {
  store: true,
  gracePeriod: true,
  requestTimeout: true,
  runtime: true,
};

/**
 * A database for unit tests that behaves as RedisDatabase does, command for command, without Redis
 * and without waiting. Time is the runtime's: with a ManualRuntime, the test's.
 *
 * @example
 * const process1 = new MemoryDatabase({ runtime });
 * const process2 = new MemoryDatabase({ runtime, store: process1.store });
 */
export class MemoryDatabase extends Database {
  readonly store: MemoryStore;
  readonly #graceMs: number;
  /** The highest of all replies: a counter that was lost goes on above it (R6). */
  #highestFence = 0;

  /** @throws LockConfigurationError naming the option */
  constructor(options: MemoryDatabaseOptions = {}) {
    checkOptions("MemoryDatabase", options, MEMORY_DATABASE_OPTIONS);
    const { store, gracePeriod = 30_000, requestTimeout } = options;
    const runtime = options.runtime ?? store?.runtime ?? systemRuntime;
    super({ requestTimeout, runtime });
    this.store = store ?? new MemoryStore(runtime);
    this.#graceMs = checkInteger("gracePeriod", gracePeriod, MIN_GRACE_MS);
  }

  override get capabilities(): Capabilities {
    return EVERY_CAPABILITY;
  }

  override async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#noteFence(acquireByRules(this.store, request, this.#settings()));
  }

  override async admit(
    requests: readonly AdmitRequest[],
  ): Promise<readonly JobOutcome<AdmitOutcome>[]> {
    return forEach(requests, (request) =>
      this.#noteFence(admitByRules(this.store, request, this.#settings())),
    );
  }

  override async complete(
    requests: readonly CompleteRequest[],
  ): Promise<readonly JobOutcome<ReleaseOutcome>[]> {
    return forEach(requests, (request) => completeByRules(this.store, request, this.#settings()));
  }

  override async recall(key: string): Promise<ResultRecord | null> {
    return recallByRules(this.store, key);
  }

  override async forget(key: string, ownerHash: string): Promise<boolean> {
    return forgetByRules(this.store, key, ownerHash);
  }

  override async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    const now = this.runtime.now();
    return requests.map((request) => renewByRules(this.store, request, now));
  }

  override async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return releaseByRules(this.store, request, this.#settings());
  }

  override async inspect(key: string): Promise<Inspection | null> {
    return inspectByRules(this.store, key);
  }

  override async list(request: ListRequest = {}): Promise<ListPage> {
    return listStore(this.store, request);
  }

  override async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return forceDeleteByRules(this.store, key, ownerHash, this.#settings());
  }

  async readLockData(key: string): Promise<LockData | null> {
    return find(this.store, key)?.lockData ?? null;
  }

  async tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    return tryCreateByRules(this.store, key, lockData, ttlMs);
  }

  async tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    return tryUpdateByRules(this.store, key, { lockData, ttlMs, ownerHash: onlyIfOwnerHashEq });
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    return tryDeleteByRules(this.store, key, onlyIfOwnerHashEq);
  }

  async readProcessData(processHash: string): Promise<ProcessData | null> {
    return decodeProcessData(this.store.get(processName(processHash)));
  }

  async saveProcessData(processHash: string, data: ProcessData, ttlMs: number): Promise<void> {
    saveProcess(this.store, processHash, data, ttlMs);
  }

  async terminate(): Promise<void> {}

  #noteFence<Outcome extends AdmitOutcome>(outcome: Outcome): Outcome {
    this.#highestFence = highestFence(this.#highestFence, outcome);
    return outcome;
  }

  #settings(): RuleSettings {
    return {
      now: this.runtime.now(),
      graceMs: this.#graceMs,
      highestFence: this.#highestFence,
    };
  }
}

/** An error concerns its own job alone. */
function forEach<Request, Outcome>(
  requests: readonly Request[],
  decide: (request: Request) => Outcome,
): readonly JobOutcome<Outcome>[] {
  return requests.map((request) => {
    try {
      return decide(request);
    } catch (error) {
      return { status: "failed", error };
    }
  });
}
