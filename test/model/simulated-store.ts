import { MemoryStore } from "../../src/testing/index.ts";
import type { Runtime } from "../../src/runtime.ts";

/**
 * A store that is full as Redis is: a command that has deleted something may go on to write. Or, if it
 * never yields, as one that has no room at all.
 */
export class SimulatedStore extends MemoryStore {
  readonly yields: boolean;
  #hasDeleted = false;

  constructor(runtime: Runtime, yields: boolean) {
    super(runtime);
    this.yields = yields;
  }

  beginCommand(): void {
    this.#hasDeleted = false;
  }

  override delete(name: string): boolean {
    this.#hasDeleted = true;
    return super.delete(name);
  }

  override set(name: string, text: string, ttlMs: number | null): void {
    const { isFull } = this;
    this.isFull = isFull && !(this.yields && this.#hasDeleted);
    try {
      super.set(name, text, ttlMs);
    } finally {
      this.isFull = isFull;
    }
  }
}
