import { checkInteger, checkNumber, checkOptions, type OptionNames } from "../check.ts";
import type { Instant, Runtime } from "../runtime.ts";
import { seededRandom } from "./seeded.ts";

/** Options of {@link ManualRuntime}. */
export interface ManualRuntimeOptions {
  /**
   * Decides `random()` and `randomId()`. Two runtimes of one seed make the same ids: give each
   * process you simulate a seed of its own, or let them share one runtime. @default 1, 2, 3, …
   */
  readonly seed?: number | undefined;
  /** The initial wall clock, in ms since 1970. @default 2030-01-01T00:00:00Z */
  readonly wall?: number | undefined;
  /** Replaces the seeded `random()`, e.g. `() => 0`. */
  readonly random?: (() => number) | undefined;
}

const MANUAL_RUNTIME_OPTIONS: OptionNames<ManualRuntimeOptions> = {
  seed: true,
  wall: true,
  random: true,
};

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

const FIRST_WALL_MS = Date.UTC(2030, 0, 1);
/** The range of a Date; beyond it a double cannot tell milliseconds apart. */
const LONGEST_MS = 8.64e15;

let runtimes = 0;

/**
 * A Runtime for unit tests: its clocks stand still until the test moves them, and nothing is left to
 * chance.
 *
 * @example
 * const runtime = new ManualRuntime();
 * const locks = new LockService({ database: new MemoryDatabase({ runtime }), runtime });
 * const lock = await locks.acquire("orders", { ttl: 5_000, autoRenew: false });
 * await runtime.advance(5_000);
 * lock.signal.aborted; // true
 */
export class ManualRuntime implements Runtime {
  readonly seed: number;
  #wall: number;
  #monotonic = 0;
  #advancing: Promise<void> = Promise.resolve();
  #ids = 0;
  readonly #sleepers = new Set<Sleeper>();
  readonly #random: () => number;
  readonly #idRandom: () => number;

  /** @throws LockConfigurationError naming the option */
  constructor(options: ManualRuntimeOptions = {}) {
    checkOptions("ManualRuntime", options, MANUAL_RUNTIME_OPTIONS);
    const { seed = (runtimes += 1), wall = FIRST_WALL_MS, random } = options;
    this.seed = checkInteger("seed", seed, 0, 2 ** 32 - 1);
    this.#wall = checkNumber("wall", wall, 0, LONGEST_MS);
    this.#random = random ?? seededRandom(seed);
    // A stream of its own, so that another jitter changes no id.
    this.#idRandom = seededRandom(seed ^ 0x5bf03635);
  }

  now(): Instant {
    return { wall: this.#wall, monotonic: this.#monotonic };
  }

  /** Resolves when `advance` comes by, also for 0 ms; or at once when `signal` aborts. */
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
      const sleeper: Sleeper = { due: this.#monotonic + Math.max(ms, 0), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  random(): number {
    return this.#random();
  }

  randomId(): string {
    this.#ids += 1;
    const digits = Math.floor(this.#idRandom() * Number.MAX_SAFE_INTEGER);
    return `${digits}.${this.#ids}`;
  }

  /** Ms until each sleep under way is due, soonest first; 0 or less for those overdue after a jump. */
  get pendingSleeps(): readonly number[] {
    const left = Array.from(this.#sleepers, ({ due }) => due - this.#monotonic);
    return left.toSorted((one, other) => one - other);
  }

  /**
   * Moves both clocks on, and wakes on the way, in their order, all whose time comes; what was woken
   * runs, and may sleep again, before the next one wakes. Calls queue up.
   */
  advance(ms: number): Promise<void> {
    checkNumber("ms", ms, 0, LONGEST_MS);
    this.#advancing = this.#advancing.then(() => this.#advance(ms));
    return this.#advancing;
  }

  /**
   * Moves the clocks by so much, each by itself, and wakes nobody: a wall clock that is set
   * (`{ wall: -60_000 }`), a machine in suspend (`{ wall: 60_000 }`), a process that was paused (both
   * alike). Sleeps that are overdue then wake with the next `advance`, even of 0 ms.
   */
  jump({ wall = 0, monotonic = 0 }: { readonly wall?: number; readonly monotonic?: number }): void {
    checkNumber("wall", wall, -LONGEST_MS, LONGEST_MS);
    // A monotonic clock never goes back.
    checkNumber("monotonic", monotonic, 0, LONGEST_MS);
    this.#wall += wall;
    this.#monotonic += monotonic;
  }

  async #advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await allElse();
    for (;;) {
      const next = this.#soonest();
      if (next === undefined || next.due > end) break;
      this.#moveTo(next.due);
      next.wake();
      await allElse();
    }
    this.#moveTo(end);
    await allElse();
  }

  #soonest(): Sleeper | undefined {
    let soonest: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (soonest === undefined || sleeper.due < soonest.due) soonest = sleeper;
    }
    return soonest;
  }

  /** Never back: a sleep may be overdue, and a test may jump between two wakes. */
  #moveTo(monotonic: number): void {
    const ms = Math.max(monotonic - this.#monotonic, 0);
    this.#wall += ms;
    this.#monotonic += ms;
  }
}

/**
 * Resolves when every promise continuation that can run has run. Not by a timer where that can be
 * helped: a test may have replaced those by fakes.
 */
function allElse(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === "undefined") {
      setTimeout(resolve, 0);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}
