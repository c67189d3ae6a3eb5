import type { Lock } from "../../src/index.ts";

/** Tracks who in this process believes it holds a lock: at most one at a time, with increasing fences. */
export class Referee {
  readonly violations: string[] = [];
  readonly #inside = new Map<string, Lock>();
  #highestFence = 0;

  /**
   * `who` has just been granted the lock.
   *
   * @param mayOverlap after a forced release only fences separate the holders
   */
  enter(who: string, lock: Lock, mayOverlap = false): void {
    const fence = lock.fence ?? 0;
    if (fence <= this.#highestFence) {
      this.report(`${who} got fence ${fence} after ${this.#highestFence}`);
    }
    this.#highestFence = Math.max(fence, this.#highestFence);
    for (const [other, held] of this.#inside) {
      if (!mayOverlap && believes(held)) {
        this.report(`${who} got the lock while ${other} still believed it held it`);
      }
    }
    this.#inside.set(who, lock);
  }

  leave(who: string): void {
    this.#inside.delete(who);
  }

  report(violation: string): void {
    this.violations.push(violation);
  }
}

/** Whether a holder would continue its work. */
export function believes(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}
