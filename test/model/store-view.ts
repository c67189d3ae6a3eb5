import { canOutliveHolder, type LockData } from "../../src/database/lock-record.ts";
import type { ResultRecord } from "../../src/database/result-record.ts";
import type { SimulatedStore } from "./simulated-store.ts";

/** What is stored at a lock key. */
export interface Stored {
  readonly text: string;
  /** Null if it is not a lock record. */
  readonly record: LockData | null;
  readonly remainingMs: number;
}

/** What is stored of a completed job. */
export interface StoredResult {
  readonly text: string;
  readonly record: ResultRecord;
  readonly remainingMs: number;
}

/** Reads the store by its wire format, independently of the code under test. */
export class StoreView {
  readonly store: SimulatedStore;
  readonly #parsed = new Map<string, LockData | null>();

  constructor(store: SimulatedStore) {
    this.store = store;
  }

  at(key: string): Stored | undefined {
    const name = `lock:${key}`;
    const text = this.store.get(name);
    if (text === undefined || text === "") return undefined;
    const remainingMs = this.store.remainingMs(name) ?? Infinity;
    return { text, record: this.#parse(text), remainingMs };
  }

  result(job: string): StoredResult | undefined {
    const name = `done:${job}`;
    const text = this.store.get(name);
    if (text === undefined) return undefined;
    const remainingMs = this.store.remainingMs(name) ?? Infinity;
    return { text, record: JSON.parse(text) as ResultRecord, remainingMs };
  }

  isAlive(processHash: string): boolean {
    return this.store.has(`proc:${processHash}`);
  }

  livenessMs(processHash: string): number {
    return this.store.remainingMs(`proc:${processHash}`) ?? 0;
  }

  /** Whether this very acquisition keeps everyone else out. */
  keepsOut(key: string, ownerHash: string, fence: number | undefined): boolean {
    const stored = this.at(key);
    const record = stored?.record;
    if (!stored || !record || record.ownerHash !== ownerHash || record.fence !== fence) {
      return false;
    }
    return !this.isDead(stored, record);
  }

  /** Whether a new acquisition would be refused. */
  isTaken(key: string): boolean {
    const stored = this.at(key);
    if (stored === undefined) return false;
    return stored.record === null || !this.isDead(stored, stored.record);
  }

  isDead({ remainingMs }: Stored, record: LockData): boolean {
    const ms = remainingMs === Infinity ? null : remainingMs;
    return canOutliveHolder(record, ms) && !this.isAlive(record.processHash);
  }

  #parse(text: string): LockData | null {
    let parsed = this.#parsed.get(text);
    if (parsed === undefined) {
      const read = text.startsWith("{") ? (JSON.parse(text) as Partial<LockData>) : {};
      const isRecord = typeof read.ownerHash === "string" && typeof read.processHash === "string";
      parsed = isRecord ? (read as LockData) : null;
      this.#parsed.set(text, parsed);
    }
    return parsed;
  }
}
