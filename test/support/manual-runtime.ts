import { randomInt } from "node:crypto";
import { ManualRuntime as PublishedRuntime } from "../../src/testing/index.ts";

/** The published manual runtime, with setters for what tests change while it runs. */
export class ManualRuntime extends PublishedRuntime {
  /** What `random()` returns: 0 gives each pause its full length. */
  chance = 0;

  constructor() {
    // Tokens that differ from run to run: tests share one Redis, with tombstones of earlier runs.
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

  /** Remaining times of the pending sleeps, in ms, shortest first. */
  get sleeping(): readonly number[] {
    return this.pendingSleeps;
  }
}
