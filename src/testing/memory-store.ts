import type { RuleStore } from "../database/rules/store.ts";
import { DatabaseError } from "../errors.ts";
import { systemRuntime, type Runtime } from "../runtime.ts";

interface Entry {
  readonly text: string;
  /** On the store's monotonic clock; Infinity for never. */
  readonly expiresAt: number;
}

/**
 * What a {@link MemoryDatabase} stores: strings that expire, under the names of the wire format:
 * `lock:<key>`, `proc:<processHash>`, `gone:<ownerHash>` and `fence`. A test may look and interfere.
 */
export class MemoryStore implements RuleStore {
  /** Its monotonic clock decides expiry, whatever clocks the databases on it have. */
  readonly runtime: Runtime;
  /**
   * Refuses whatever needs room, as Redis at its `maxmemory` does; but for tombstones, which the scripts
   * write after something else.
   */
  isFull = false;
  readonly #entries = new Map<string, Entry>();

  constructor(runtime: Runtime = systemRuntime) {
    this.runtime = runtime;
  }

  get(name: string): string | undefined {
    return this.#find(name)?.text;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Ms left; null for a string without expiry, undefined where there is none. */
  remainingMs(name: string): number | null | undefined {
    const entry = this.#find(name);
    if (entry === undefined) return undefined;
    if (entry.expiresAt === Infinity) return null;
    return Math.ceil(entry.expiresAt - this.#now());
  }

  /**
   * Stores a string for `ttlMs` or (null) permanently.
   *
   * @throws DatabaseError when the store is full
   */
  set(name: string, text: string, ttlMs: number | null): void {
    this.#put(name, { text, expiresAt: ttlMs === null ? Infinity : this.#now() + ttlMs });
  }

  /** Replaces a string, and keeps its expiry. */
  replace(name: string, text: string): void {
    const entry = this.#find(name);
    if (entry !== undefined) this.#put(name, { ...entry, text });
  }

  /** Never shortens, and leaves a string without expiry alone. Needs no room. */
  lengthen(name: string, ms: number): void {
    const entry = this.#find(name);
    const expiresAt = this.#now() + ms;
    if (entry !== undefined && entry.expiresAt < expiresAt) {
      this.#entries.set(name, { ...entry, expiresAt });
    }
  }

  delete(name: string): boolean {
    const isThere = this.has(name);
    this.#entries.delete(name);
    return isThere;
  }

  /** The names of all that is there, in order. */
  names(): string[] {
    return [...this.#entries.keys()].filter((name) => this.has(name)).toSorted();
  }

  /** Loses everything, as a restart without persistence does. */
  clear(): void {
    this.#entries.clear();
  }

  #put(name: string, entry: Entry): void {
    if (this.isFull && !name.startsWith("gone:")) {
      const message = `The memory store is full: "${name}" was not written`;
      throw new DatabaseError(message, { applied: "no", retriable: false });
    }
    this.#entries.set(name, entry);
  }

  #find(name: string): Entry | undefined {
    const entry = this.#entries.get(name);
    return entry !== undefined && entry.expiresAt > this.#now() ? entry : undefined;
  }

  #now(): number {
    return this.runtime.now().monotonic;
  }
}
