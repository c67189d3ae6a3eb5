import { checkInteger, checkOptions, type OptionNames } from "./check.ts";
import {
  escapeGlob,
  listOperation,
  type ListOperation,
  type ListRequest,
  type ListedJob,
  type ListedLock,
} from "./database/listing.ts";
import { toLockInfo, type LockInfo } from "./lock-info.ts";
import type { ServiceSettings } from "./lock-options.ts";
import { sendTwice } from "./retry.ts";

/** Options of {@link LockService.list}. */
export interface ListOptions extends ListRequest {
  /** It stops after this many commands: see {@link Listing.cursor}. @default 1_000 */
  readonly maxCommands?: number | undefined;
}

const LIST_OPTIONS: OptionNames<ListOptions> = {
  match: true,
  limit: true,
  cursor: true,
  maxCommands: true,
};

/** A held lock. The lock of a job that runs is called `once:{key}`. */
export interface LockEntry extends LockInfo {
  readonly kind: "lock";
  readonly key: string;
}

/** A job that has completed. */
export interface JobEntry {
  readonly kind: "job";
  readonly key: string;
  /** Null, as all that follows may be, for something that is no memory of a job. */
  readonly completedAt: string | null;
  readonly fence: number | null;
  /** False for a marker, which says only that it completed. */
  readonly hasResult: boolean;
  /** Of what is stored. */
  readonly bytes: number;
  /** Ms until it is forgotten; null for never. */
  readonly remainingMs: number | null;
}

/**
 * Looks through the database as it is iterated, one command for some thousand keys. It is no snapshot:
 * what comes or goes meanwhile may be missed, and an entry may come twice.
 */
export class Listing implements AsyncIterable<LockEntry | JobEntry> {
  readonly #settings: ServiceSettings;
  readonly #list: ListOperation["list"];
  readonly #request: ListRequest;
  readonly #maxCommands: number;
  #commands = 0;
  #cursor: string | null;

  constructor(settings: ServiceSettings, options: ListOptions) {
    checkOptions("list", options, LIST_OPTIONS);
    const { maxCommands = 1_000, ...request } = options;
    this.#settings = settings;
    this.#list = listOperation(settings.database);
    this.#request = request;
    this.#maxCommands = checkInteger("maxCommands", maxCommands, 1);
    this.#cursor = request.cursor ?? "";
  }

  /** Where another listing would go on, as its `cursor`; null once this one has come to the end. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** How many commands it has taken so far. */
  get commands(): number {
    return this.#commands;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LockEntry | JobEntry, void> {
    const { keyPrefix } = this.#settings;
    const match = escapeGlob(keyPrefix) + (this.#request.match ?? "*");
    while (this.#cursor !== null && this.#commands < this.#maxCommands) {
      const cursor = this.#cursor === "" ? undefined : this.#cursor;
      this.#commands += 1;
      const page = await sendTwice(() => this.#list({ ...this.#request, match, cursor }));
      for (const entry of page.entries) {
        const key = entry.key.slice(keyPrefix.length);
        yield entry.kind === "lock" ? lockEntry(key, entry) : jobEntry(key, entry);
      }
      // Only now: who leaves in the middle of a page goes on with the same one.
      this.#cursor = page.cursor;
    }
  }
}

function lockEntry(key: string, seen: ListedLock): LockEntry {
  return { kind: "lock", key, ...toLockInfo(seen) };
}

function jobEntry(key: string, { record, hasResult, bytes, remainingMs }: ListedJob): JobEntry {
  const { completedAt = null, fence = null } = record ?? {};
  return { kind: "job", key, completedAt, fence, hasResult, bytes, remainingMs };
}
