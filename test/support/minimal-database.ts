import { Database, type LockData, type ProcessData } from "../../src/index.ts";
import type { CreateOutcome, DeleteOutcome, UpdateOutcome } from "../../src/index.ts";
import type { RawStorage } from "../../src/testing/index.ts";

interface Entry {
  readonly text: string;
  readonly until: number;
}

/** A minimal backend, as a user may write it: only what Database requires, over a Map. */
export class MinimalDatabase extends Database {
  readonly entries = new Map<string, Entry>();

  async readLockData(key: string): Promise<LockData | null> {
    return recordOf(this.#text(`lock:${key}`));
  }

  async tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    const text = this.#text(`lock:${key}`);
    const holder = recordOf(text);
    if (text && holder?.ownerHash !== lockData.ownerHash) {
      return { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder };
    }
    this.#write(`lock:${key}`, lockData, ttlMs);
    return { status: "SUCCESS", lockData };
  }

  async tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    const text = this.#text(`lock:${key}`);
    const holder = recordOf(text);
    if (!text) return { status: "NO_KEY", lockData: null };
    if (holder?.ownerHash !== onlyIfOwnerHashEq) {
      return { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder };
    }
    this.#write(`lock:${key}`, lockData, ttlMs);
    return { status: "SUCCESS", lockData };
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    const text = this.#text(`lock:${key}`);
    const holder = recordOf(text);
    if (!text) return { status: "NO_KEY", lockData: null };
    if (holder?.ownerHash !== onlyIfOwnerHashEq) {
      return { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder };
    }
    this.entries.delete(`lock:${key}`);
    return { status: "SUCCESS", lockData: null };
  }

  async readProcessData(processHash: string): Promise<ProcessData | null> {
    const text = this.#text(`proc:${processHash}`);
    return text ? (JSON.parse(text) as ProcessData) : null;
  }

  async saveProcessData(
    processHash: string,
    processData: ProcessData,
    ttlMs: number,
  ): Promise<void> {
    this.#write(`proc:${processHash}`, processData, ttlMs);
  }

  async terminate(): Promise<void> {
    this.entries.clear();
  }

  /** Its Map, for tests. */
  get storage(): RawStorage {
    return {
      read: async (name) => this.#text(name) ?? null,
      write: async (name, text, ttlMs) => {
        this.entries.set(name, { text, until: this.#now() + (ttlMs ?? Infinity) });
      },
      remove: async (name) => {
        this.entries.delete(name);
      },
      remainingMs: async (name) => {
        if (this.#text(name) === undefined) return undefined;
        const left = (this.entries.get(name)?.until ?? 0) - this.#now();
        return left === Infinity ? null : left;
      },
    };
  }

  #text(name: string): string | undefined {
    const entry = this.entries.get(name);
    return entry !== undefined && entry.until > this.#now() ? entry.text : undefined;
  }

  /** Never shortens the remaining TTL. */
  #write(name: string, data: object, ttlMs: number): void {
    const left = this.#text(name) ? (this.entries.get(name)?.until ?? 0) : 0;
    const until = Math.max(left, this.#now() + ttlMs);
    this.entries.set(name, { text: JSON.stringify(data), until });
  }

  #now(): number {
    return this.runtime.now().monotonic;
  }
}

function recordOf(text: string | undefined): LockData | null {
  try {
    const { ownerHash, processHash, trace, livenessMs, ...rest } = JSON.parse(
      text ?? "",
    ) as LockData;
    if (typeof ownerHash !== "string" || typeof processHash !== "string") return null;
    return {
      ownerHash,
      processHash,
      ...(typeof trace === "string" ? { trace } : {}),
      ...(typeof livenessMs === "number" ? { livenessMs } : {}),
      ...rest,
    };
  } catch {
    return null;
  }
}
