import { checkInteger } from "../check.ts";
import {
  DatabaseError,
  classifyFailure,
  isLockError,
  noAnswerWithin,
  type LockError,
} from "../errors.ts";
import { Emitter, type Events } from "../events.ts";
import { bounded, systemRuntime, type Runtime } from "../runtime.ts";
import {
  acquireByPrimitives,
  forceDeleteByPrimitives,
  inspectByPrimitives,
  releaseByPrimitives,
  renewByPrimitives,
} from "./composed.ts";
import { importDatabase, type DatabaseModule } from "./database-module.ts";
import type { ListPage, ListRequest } from "./listing.ts";
import {
  createLockData,
  createProcessData,
  type LockData,
  type ProcessData,
} from "./lock-record.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  AdmitOutcome,
  AdmitRequest,
  Capabilities,
  CompleteRequest,
  Inspection,
  JobOutcome,
  LockOperations,
  ReleaseOutcome,
  ReleaseRequest,
  RenewOutcome,
  RenewRequest,
} from "./operations.ts";
import type { ResultRecord } from "./result-record.ts";
import type { CreateOutcome, DeleteOutcome, LockPrimitives, UpdateOutcome } from "./primitives.ts";

export interface DatabaseOptions {
  /** Longest wait for one command, in ms; a later answer is ignored. @default 2_000 */
  readonly requestTimeout?: number | undefined;
  /** Clock, timers and randomness; to be replaced in tests. */
  readonly runtime?: Runtime | undefined;
}

/**
 * The base of a backend. Stateless but for plain data, so that one instance may serve many requests.
 * Only the abstract methods, the primitives, must be implemented; the operations that leasehold uses
 * are composed of them, each with less than a backend could do by itself: see `capabilities`. Every
 * method rejects when it has no conclusive answer, best with a `DatabaseError`.
 */
export abstract class Database implements LockOperations, LockPrimitives {
  /** Transient errors: no answer, or "not now". They are thrown to the caller as well. */
  readonly errors: Events<unknown>;
  readonly requestTimeout: number;
  protected readonly runtime: Runtime;
  readonly #errors: Emitter<unknown> = new Emitter<unknown>();

  constructor({ requestTimeout = 2_000, runtime = systemRuntime }: DatabaseOptions = {}) {
    this.requestTimeout = checkInteger("requestTimeout", requestTimeout, 1);
    this.runtime = runtime;
    this.errors = this.#errors.events;
  }

  /**
   * Loads a Database that a module exports.
   *
   * @throws LockConfigurationError when the module cannot be loaded or exports no Database there
   */
  static load(module: DatabaseModule): Promise<Database> {
    return importDatabase(module, isDatabase);
  }

  abstract readLockData(key: string): Promise<LockData | null>;
  abstract tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome>;
  abstract tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome>;
  abstract tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome>;
  abstract readProcessData(processHash: string): Promise<ProcessData | null>;
  abstract saveProcessData(
    processHash: string,
    processData: ProcessData,
    ttlMs: number,
  ): Promise<void>;
  /** Closes connections. */
  abstract terminate(): Promise<void>;

  /** Of a backend that remembers results: see {@link JobOperations}. */
  admit?(requests: readonly AdmitRequest[]): Promise<readonly JobOutcome<AdmitOutcome>[]>;
  complete?(requests: readonly CompleteRequest[]): Promise<readonly JobOutcome<ReleaseOutcome>[]>;
  recall?(key: string): Promise<ResultRecord | null>;
  forget?(key: string, ownerHash: string): Promise<boolean>;

  /** Of a backend that can look through its keys: see {@link ListOperation}. */
  list?(request?: ListRequest): Promise<ListPage>;

  /** What this backend can do beyond its primitives. */
  get capabilities(): Capabilities {
    return {
      fences: false,
      remainingMs: false,
      severalKeys: false,
      tombstones: false,
      results: false,
      handOff: false,
    };
  }

  async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.awaitAnswer("acquire", acquireByPrimitives(this, request));
  }

  async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return this.awaitAnswer("renew", renewByPrimitives(this, requests));
  }

  async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.awaitAnswer("release", releaseByPrimitives(this, request));
  }

  async inspect(key: string): Promise<Inspection | null> {
    return this.awaitAnswer("inspect", inspectByPrimitives(this, key));
  }

  async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return this.awaitAnswer("force-delete", forceDeleteByPrimitives(this, key, ownerHash));
  }

  /**
   * Waits for an answer of the backend for at most `requestTimeout` (R8), and turns whatever it throws
   * into a DatabaseError.
   */
  protected async awaitAnswer<T>(
    operation: string,
    answer: Promise<T>,
    toError: (operation: string, thrown: unknown) => LockError = unknownFailure,
  ): Promise<T> {
    const outcome = await bounded(this.runtime, answer, this.requestTimeout);
    if (outcome.ended === "done") return outcome.value;
    throw this.report(
      outcome.ended === "failed"
        ? toError(operation, outcome.error)
        : noAnswerWithin(this.requestTimeout, operation),
    );
  }

  /** Reports a transient error to `errors`. */
  protected report<E>(error: E): E {
    if (classifyFailure(error).retriable) this.#errors.emit(error);
    return error;
  }

  createLockData(owner: {
    readonly ownerHash: string;
    readonly processHash: string;
    readonly trace: string | undefined;
  }): LockData {
    return createLockData(owner, this.runtime.now());
  }

  createProcessData(): ProcessData {
    return createProcessData(this.runtime.now());
  }
}

/** Checked by shape, not by class: it may come from another copy of the package. */
export function isDatabase(value: unknown): value is Database {
  return typeof value === "object" && value !== null && "readLockData" in value;
}

function unknownFailure(operation: string, thrown: unknown): LockError {
  if (isLockError(thrown)) return thrown;
  return new DatabaseError(`The database gave no answer to "${operation}"`, {
    applied: "unknown",
    retriable: true,
    cause: thrown,
  });
}
