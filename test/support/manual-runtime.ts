import { setImmediate as turn } from "node:timers/promises";
import type { Instant, Runtime } from "../../src/index.ts";

interface Sleeper {
  readonly ms: number;
  readonly due: number;
  readonly wake: () => void;
}

/** A Runtime that never sleeps: both of its clocks stand still until the test moves them. */
export class ManualRuntime implements Runtime {
  wall: number = Date.now();
  monotonic = 1_000;
  /** What `random()` says: 0 gives each pause its full length. */
  chance = 0;
  readonly #sleepers = new Set<Sleeper>();
  #tokens = 0n;

  now(): Instant {
    return { wall: this.wall, monotonic: this.monotonic };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { ms, due: this.monotonic + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  random(): number {
    return this.chance;
  }

  /** Unlike any other run's: tests share one Redis. */
  token(): string {
    this.#tokens += 1n;
    return `${crypto.getRandomValues(new BigUint64Array(1)).join()}.${this.#tokens}`;
  }

  /** How long those who sleep now had asked to sleep, in ms, shortest first. */
  get sleeping(): number[] {
    return Array.from(this.#sleepers, ({ ms }) => ms).toSorted((one, other) => one - other);
  }

  /** Moves both clocks on, and wakes on the way everyone whose time has come. */
  async advance(ms: number): Promise<void> {
    const end = this.monotonic + ms;
    await turn();
    for (;;) {
      const [next] = [...this.#sleepers].toSorted((one, other) => one.due - other.due);
      if (next === undefined || next.due > end) break;
      this.#move(Math.max(next.due, this.monotonic));
      next.wake();
      // What was woken runs, and may lie down again, before the next one wakes.
      await turn();
    }
    this.#move(end);
    await turn();
  }

  #move(monotonic: number): void {
    this.wall += monotonic - this.monotonic;
    this.monotonic = monotonic;
  }
}
