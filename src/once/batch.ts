import {
  jobOperations,
  type AcquireOutcome,
  type AcquireRequest,
  type AdmitOutcome,
  type AdmitRequest,
  type Capabilities,
  type CompleteRequest,
  type Inspection,
  type JobOperations,
  type JobOutcome,
  type LockOperations,
  type ReleaseOutcome,
  type ReleaseRequest,
  type RenewOutcome,
  type RenewRequest,
} from "../database/operations.ts";
import type { ResultRecord } from "../database/result-record.ts";
import type { Runtime } from "../runtime.ts";

/** What one command may carry: more would keep Redis from answering others, or be refused as too large. */
const MAX_ITEMS = 100;
const MAX_CHARACTERS = 1_000_000;

/** A database that sends together the admissions, and the completions, that are asked for together. */
export class BatchingDatabase implements LockOperations, JobOperations {
  readonly #database: LockOperations & JobOperations;
  readonly #admissions: Gathering<AdmitRequest, AdmitOutcome>;
  readonly #completions: Gathering<CompleteRequest, ReleaseOutcome>;

  /** @throws LockConfigurationError unless the database remembers results */
  constructor(database: LockOperations, runtime: Runtime) {
    const jobs = jobOperations(database);
    this.#database = jobs;
    this.#admissions = new Gathering(runtime, (requests) => jobs.admit(requests));
    this.#completions = new Gathering(runtime, (requests) => jobs.complete(requests));
  }

  get requestTimeout(): number {
    return this.#database.requestTimeout;
  }

  get capabilities(): Capabilities {
    return this.#database.capabilities;
  }

  admit(requests: readonly AdmitRequest[]): Promise<readonly JobOutcome<AdmitOutcome>[]> {
    return Promise.all(requests.map((request) => this.#admissions.add(request)));
  }

  complete(requests: readonly CompleteRequest[]): Promise<readonly JobOutcome<ReleaseOutcome>[]> {
    return Promise.all(requests.map((request) => this.#completions.add(request)));
  }

  acquire(request: AcquireRequest): Promise<AcquireOutcome> {
    return this.#database.acquire(request);
  }

  renew(requests: readonly RenewRequest[]): Promise<readonly RenewOutcome[]> {
    return this.#database.renew(requests);
  }

  release(request: ReleaseRequest): Promise<ReleaseOutcome> {
    // Given up, it may still be waiting for its turn.
    const owner = request.claims[0]?.lockData.ownerHash;
    this.#admissions.drop(({ claims }) => claims[0].lockData.ownerHash === owner);
    return this.#database.release(request);
  }

  inspect(key: string): Promise<Inspection | null> {
    return this.#database.inspect(key);
  }

  forceDelete(key: string, ownerHash: string | null): Promise<boolean> {
    return this.#database.forceDelete(key, ownerHash);
  }

  recall(key: string): Promise<ResultRecord | null> {
    return this.#database.recall(key);
  }

  forget(key: string, ownerHash: string): Promise<boolean> {
    return this.#database.forget(key, ownerHash);
  }
}

interface Waiting<Request, Outcome> {
  readonly request: Request;
  readonly size: number;
  readonly resolve: (outcome: JobOutcome<Outcome>) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests of one kind: those that come in one turn of the event loop, or while others are under way, go together. */
class Gathering<Request, Outcome> {
  readonly #runtime: Runtime;
  readonly #send: (requests: readonly Request[]) => Promise<readonly JobOutcome<Outcome>[]>;
  #waiting: Waiting<Request, Outcome>[] = [];
  #isSending = false;

  constructor(
    runtime: Runtime,
    send: (requests: readonly Request[]) => Promise<readonly JobOutcome<Outcome>[]>,
  ) {
    this.#runtime = runtime;
    this.#send = send;
  }

  add(request: Request): Promise<JobOutcome<Outcome>> {
    return new Promise((resolve, reject) => {
      const size = JSON.stringify(request).length;
      this.#waiting.push({ request, size, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  /** Nobody waits for these any more: what has not been sent is not. */
  drop(isIt: (request: Request) => boolean): void {
    this.#waiting = this.#waiting.filter(({ request }) => !isIt(request));
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      await this.#runtime.sleep(0);
      const batches = split(this.#waiting);
      this.#waiting = [];
      await Promise.all(batches.map((batch) => this.#sendBatch(batch)));
    }
    this.#isSending = false;
  }

  async #sendBatch(batch: readonly Waiting<Request, Outcome>[]): Promise<void> {
    try {
      const outcomes = await this.#send(batch.map(({ request }) => request));
      for (const [at, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[at];
        if (outcome === undefined) reject(new Error("a batch was answered in part"));
        else resolve(outcome);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

function split<Item extends { readonly size: number }>(items: readonly Item[]): Item[][] {
  const batches: Item[][] = [];
  let batch: Item[] = [];
  let size = 0;
  for (const item of items) {
    if (batch.length === MAX_ITEMS || (batch.length > 0 && size + item.size > MAX_CHARACTERS)) {
      batches.push(batch);
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += item.size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
