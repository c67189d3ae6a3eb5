import { checkInteger, show } from "../check.ts";
import {
  acquireByPrimitives,
  forceDeleteByPrimitives,
  inspectByPrimitives,
  releaseByPrimitives,
  renewByPrimitives,
} from "./composed.ts";
import {
  DatabaseError,
  LockConfigurationError,
  failureOf,
  isLockError,
  type LockError,
} from "../errors.ts";
import { Events } from "../events.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  CreateOutcome,
  DeleteOutcome,
  Inspection,
  LockData,
  ProcessData,
  ReleaseOutcome,
  ReleaseRequest,
  RenewOutcome,
  RenewRequest,
  UpdateOutcome,
} from "./operations.ts";
import { systemRuntime, type Runtime } from "../runtime.ts";
import { bounded } from "../timeout.ts";

export interface DatabaseOptions {
  /** Longest wait for one command, in ms; a later answer counts as none. @default 2_000 */
  readonly requestTimeout?: number | undefined;
  /** Clock, timers and randomness; another one is for tests. */
  readonly runtime?: Runtime | undefined;
}

/** Where to find a Database: a module, and what it exports it as. */
export interface DatabaseModule {
  /** A package, a `file:` URL or an absolute path: anything `import()` takes from anywhere. */
  readonly moduleName: string;
  readonly exportName: string;
}

/** What a backend can do beyond the primitives. */
export interface Capabilities {
  /** Every acquisition gets a higher fencing token. */
  readonly fences: boolean;
  /** Refusals and inspections tell how long a lock has left. */
  readonly remainingMs: boolean;
  /** Several keys can be had at once, all or none. */
  readonly severalKeys: boolean;
  /** It remembers owner hashes: an acquire delivered after its refusal or its end creates nothing. */
  readonly tombstones: boolean;
}

/** Backends with tombstones keep them for so long at the least, in ms. */
export const MIN_GRACE_MS = 10_000;

/**
 * The contract of a backend. Stateless but for plain data, so that one instance may serve many
 * requests. Only the abstract methods, the primitives, must be implemented; the operations that
 * leasehold uses are composed of them, each with less than a backend could do by itself: see
 * `capabilities`. Every method rejects when it has no answer that counts, best with a
 * `DatabaseError`.
 */
export abstract class Database {
  /** Errors that may pass: no answer, or "not now". They are thrown to whoever asked as well. */
  readonly errors: Events<unknown> = new Events<unknown>();
  readonly requestTimeout: number;
  protected readonly runtime: Runtime;

  constructor({ requestTimeout = 2_000, runtime = systemRuntime }: DatabaseOptions = {}) {
    this.requestTimeout = checkInteger("requestTimeout", requestTimeout, 1);
    this.runtime = runtime;
  }

  /**
   * Loads a Database that a module exports.
   *
   * @throws LockConfigurationError when the module cannot be loaded or exports no Database there
   */
  static async load({ moduleName, exportName }: DatabaseModule): Promise<Database> {
    let module: Readonly<Record<string, unknown>>;
    try {
      module = (await import(/* @vite-ignore */ moduleName)) as typeof module;
    } catch (cause) {
      throw new LockConfigurationError("moduleName", `${show(moduleName)} does not load`, cause);
    }
    const database = module[exportName];
    if (isDatabase(database)) return database;
    throw new LockConfigurationError(
      "exportName",
      `export ${show(exportName)} of ${show(moduleName)} is no Database, but ${show(database)}`,
    );
  }

  /** Reads the record of a lock; null when there is none, or nothing readable. */
  abstract readLockData(key: string): Promise<LockData | null>;
  /** Writes a lock record unless the key is held; its own owner hash there is a success. */
  abstract tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome>;
  /** Rewrites a lock record if it has this owner hash. Never shortens the time it has left. */
  abstract tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome>;
  /** Deletes a lock record if it has this owner hash. `retriableError`: no answer, ask again. */
  abstract tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome>;
  /** Reads a process's liveness; null when it is dead. */
  abstract readProcessData(processHash: string): Promise<ProcessData | null>;
  /** Reports a process alive for `ttlMs`. Never shortens the time it has left. */
  abstract saveProcessData(
    processHash: string,
    processData: ProcessData,
    ttlMs: number,
  ): Promise<void>;
  /** Lets go of connections. */
  abstract terminate(): Promise<void>;

  /** What this backend can do beyond its primitives. */
  get capabilities(): Capabilities {
    return { fences: false, remainingMs: false, severalKeys: false, tombstones: false };
  }

  /** Takes all claims or none; repeating it is harmless, and a late delivery creates nothing. */
  async acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.bounded("acquire", acquireByPrimitives(this, request));
  }

  /** Keeps claims alive, each if it is still there under its owner hash and fence. */
  async renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return this.bounded("renew", renewByPrimitives(this, requests));
  }

  /** Gives claims back, and keeps their owner hash from acquiring again. */
  async release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.bounded("release", releaseByPrimitives(this, request));
  }

  /** Looks at a key; null when it is free. */
  async inspect(key: string): Promise<Inspection | null> {
    return this.bounded("inspect", inspectByPrimitives(this, key));
  }

  /** Deletes the lock of this owner, or (null) what is there and is no lock record. */
  async forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return this.bounded("force-delete", forceDeleteByPrimitives(this, key, ownerHash));
  }

  /**
   * Waits for a backend's answer no longer than `requestTimeout`, and makes a DatabaseError of
   * whatever it throws.
   */
  protected async bounded<T>(
    operation: string,
    answer: Promise<T>,
    failure: (operation: string, thrown: unknown) => LockError = unknownFailure,
  ): Promise<T> {
    const outcome = await bounded(this.runtime, answer, this.requestTimeout);
    switch (outcome.ended) {
      case "done":
        return outcome.value;
      case "failed":
        throw this.report(failure(operation, outcome.error));
      case "late":
      case "aborted":
        throw this.report(
          new DatabaseError(
            `The database gave no answer to "${operation}" within ${this.requestTimeout} ms`,
            { applied: "unknown", retriable: true },
          ),
        );
    }
  }

  /** Tells `errors` of an error that may pass. */
  protected report(error: LockError): LockError {
    if (failureOf(error).retriable) this.errors.emit(error);
    return error;
  }

  createLockData(owner: {
    readonly ownerHash: string;
    readonly processHash: string;
    readonly trace: string | undefined;
  }): LockData {
    const now = this.#isoNow();
    return {
      ownerHash: owner.ownerHash,
      processHash: owner.processHash,
      ...(owner.trace ? { trace: owner.trace } : {}),
      acquiredAt: now,
      extendedAt: now,
    };
  }

  createProcessData(): ProcessData {
    return { aliveAt: this.#isoNow() };
  }

  #isoNow(): string {
    return new Date(this.runtime.now().wall).toISOString();
  }
}

/** By what it can do, not by its class: it may be of another copy of the package. */
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
