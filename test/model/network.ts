import { toDatabaseError } from "../../src/redis/failure.ts";
import { isLockError } from "../../src/errors.ts";
import type { LockError } from "../../src/errors.ts";
import { Database } from "../../src/database/database.ts";
import type { LockData, ProcessData } from "../../src/database/lock-record.ts";
import type {
  AcquireOutcome,
  AcquireRequest,
  AdmitOutcome,
  AdmitRequest,
  Capabilities,
  CompleteRequest,
  Inspection,
  JobOperations,
  JobOutcome,
  ReleaseOutcome,
  ReleaseRequest,
  RenewOutcome,
  RenewRequest,
} from "../../src/database/operations.ts";
import type { ResultRecord } from "../../src/database/result-record.ts";
import type { CreateOutcome, DeleteOutcome, UpdateOutcome } from "../../src/database/primitives.ts";
import type { Command } from "./evidence.ts";

/** A client's wait for one answer. */
export interface Wait {
  /** It got its answer, or has given up. */
  isOver: boolean;
}

/** Carries one command to the store and its answer back. Rejects with what a client would throw. */
export type Carry = <T>(command: Command, apply: () => Promise<T>, wait: Wait) => Promise<T>;

/** The part of a database that the library uses. */
export type Backend = Pick<
  Database,
  | "requestTimeout"
  | "capabilities"
  | "acquire"
  | "renew"
  | "release"
  | "inspect"
  | "forceDelete"
  | "readLockData"
  | "readProcessData"
> &
  JobOperations;

/** The database as seen by one client: every command crosses the network, and its wait is bounded. */
export class NetworkDatabase extends Database {
  readonly #database: Backend;
  readonly #carry: Carry;

  constructor(database: Backend, carry: Carry, runtime: Database["runtime"]) {
    super({ requestTimeout: database.requestTimeout, runtime });
    this.#database = database;
    this.#carry = carry;
  }

  override get capabilities(): Capabilities {
    return this.#database.capabilities;
  }

  override acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#send({ operation: "acquire", request }, () => this.#database.acquire(request));
  }

  override renew(request: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return this.#send({ operation: "renew", request }, () => this.#database.renew(request));
  }

  override release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.#send({ operation: "release", request }, () => this.#database.release(request));
  }

  override admit(request: readonly AdmitRequest[]): Promise<readonly JobOutcome<AdmitOutcome>[]> {
    return this.#send({ operation: "admit", request }, () => this.#database.admit(request));
  }

  override complete(
    request: readonly CompleteRequest[],
  ): Promise<readonly JobOutcome<ReleaseOutcome>[]> {
    return this.#send({ operation: "complete", request }, () => this.#database.complete(request));
  }

  override recall(key: string): Promise<ResultRecord | null> {
    return this.#send({ operation: "recall", key }, () => this.#database.recall(key));
  }

  override forget(key: string, ownerHash: string): Promise<boolean> {
    return this.#send({ operation: "forget", key, ownerHash }, () =>
      this.#database.forget(key, ownerHash),
    );
  }

  override inspect(key: string): Promise<Inspection | null> {
    return this.#send({ operation: "inspect", key }, () => this.#database.inspect(key));
  }

  override forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return this.#send({ operation: "forceDelete", key, ownerHash }, () =>
      this.#database.forceDelete(key, ownerHash),
    );
  }

  readLockData(key: string): Promise<LockData | null> {
    return this.#send({ operation: "read", key }, () => this.#database.readLockData(key));
  }

  readProcessData(processHash: string): Promise<ProcessData | null> {
    return this.#send({ operation: "read", key: processHash }, () =>
      this.#database.readProcessData(processHash),
    );
  }

  tryCreate(): Promise<CreateOutcome> {
    return unused();
  }

  tryUpdate(): Promise<UpdateOutcome> {
    return unused();
  }

  tryDelete(): Promise<DeleteOutcome> {
    return unused();
  }

  saveProcessData(): Promise<void> {
    return unused();
  }

  async terminate(): Promise<void> {}

  #send<T>(command: Command, apply: () => Promise<T>): Promise<T> {
    const wait = { isOver: false };
    const over = (): void => {
      wait.isOver = true;
    };
    const answer = this.awaitAnswer(
      command.operation,
      this.#carry(command, apply, wait),
      failureOf,
    );
    answer.then(over, over);
    return answer;
  }
}

/** Converts what a client throws like RedisDatabase does. */
function failureOf(operation: string, thrown: unknown): LockError {
  return isLockError(thrown) ? thrown : toDatabaseError(operation, thrown, { fence: "fence" });
}

function unused(): Promise<never> {
  return Promise.reject(new Error("the library does not use this primitive here"));
}
