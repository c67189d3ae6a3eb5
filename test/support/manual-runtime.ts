import { randomInt } from "node:crypto";
import { ManualRuntime as PublishedRuntime } from "../../src/testing/index.ts";

/** The published manual runtime, with dials for what a test turns in mid-flight. */
export class ManualRuntime extends PublishedRuntime {
  /** What `random()` says: 0 gives each pause its full length. */
  chance = 0;

  constructor() {
    // Tokens unlike any other run's: tests share one Redis, and tombstones of runs before.
    super({ seed: randomInt(2 ** 32), wall: Date.now() });
  }

  override random(): number {
    return this.chance;
  }

  get wall(): number {
    return this.now().wall;
  }

  set wall(ms: number) {
    this.jump({ wall: ms - this.wall });
  }

  get monotonic(): number {
    return this.now().monotonic;
  }

  set monotonic(ms: number) {
    this.jump({ monotonic: ms - this.monotonic });
  }

  /** How long those who sleep now have left, in ms, shortest first. */
  get sleeping(): readonly number[] {
    return this.pendingSleeps;
  }
}
