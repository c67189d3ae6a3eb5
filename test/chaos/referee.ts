import type { Lock } from "../../src/index.ts";

/** Watches who believes to hold one lock, in this process: at most one at a time, with rising fences. */
export class Referee {
  readonly violations: string[] = [];
  readonly #inside = new Map<string, Lock>();
  #highestFence = 0;

  /**
   * Somebody was granted the lock, just now.
   *
   * @param mayOverlap after a forced release only fences keep the holders apart
   */
  enter(who: string, lock: Lock, mayOverlap = false): void {
    const fence = lock.fence ?? 0;
    if (fence <= this.#highestFence) {
      this.report(`${who} got fence ${fence} after ${this.#highestFence}`);
    }
    this.#highestFence = Math.max(fence, this.#highestFence);
    for (const [other, held] of this.#inside) {
      if (!mayOverlap && believes(held)) {
        this.report(`${who} got in while ${other} still believed to hold it`);
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

/** Whether a holder would go on working. */
export function believes(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return true;
  } catch {
    return false;
  }
}
