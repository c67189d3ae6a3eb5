import type { Instant, Runtime } from "../../src/runtime.ts";
import { Chance } from "./chance.ts";
import { Clock } from "./clock.ts";
import type { ClientPlan } from "./plan.ts";
import type { ScheduledEvent, Owner, TrueTime } from "./true-time.ts";

/** One simulated isolate: its clocks, its timers, its platform's waitUntil. */
export class Client implements Owner {
  readonly id: number;
  readonly plan: ClientPlan;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly #time: TrueTime;
  readonly #sleepers = new Set<Sleeper>();
  /** Promises given to waitUntil that have not settled. */
  pendingPledges = 0;
  /** Requests whose response has not been sent. */
  openRequests = 0;
  isDead = false;
  pausedUntil = -1;
  /** When its last pause ended, or will end. */
  lastPauseEnd = -1;

  constructor(plan: ClientPlan, seed: number, time: TrueTime) {
    this.id = plan.id;
    this.plan = plan;
    this.#time = time;
    this.clock = new Clock(plan.rate, plan.wallOffsetMs);
    const chance = new Chance(seed, "client", plan.id);
    let tokens = 0;
    this.runtime = {
      now: () => this.now(),
      sleep: (ms, signal) => this.#sleep(ms, signal),
      random: () => chance.next(),
      randomId: () => `${plan.id + 1}.${(tokens += 1)}`,
    };
  }

  get isRunning(): boolean {
    return !this.isDead && this.pausedUntil <= this.#time.now;
  }

  get sleeps(): number {
    return this.#sleepers.size;
  }

  now(): Instant {
    return this.clock.read(this.#time.now);
  }

  /** The platform's waitUntil. */
  readonly waitUntil = (pledge: Promise<unknown>): void => {
    this.pendingPledges += 1;
    const settled = (): void => void (this.pendingPledges -= 1);
    // A rejection shows up as an unhandled rejection.
    void pledge.finally(settled);
  };

  /** Nothing of it runs for `ms`. When suspended, its timers and monotonic clock stop as well. */
  pause(ms: number, isSuspended: boolean): void {
    const now = this.#time.now;
    this.pausedUntil = Math.max(this.pausedUntil, now + ms);
    this.lastPauseEnd = this.pausedUntil;
    if (!isSuspended) return;
    this.clock.slow(now, 0, "monotonic", now + ms);
    for (const sleeper of this.#sleepers) sleeper.postpone(ms);
    this.#time.after(ms, undefined, () => this.clock.recover(this.#time.now));
  }

  kill(): void {
    this.isDead = true;
    this.#sleepers.clear();
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        sleeper.cancel();
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      // Like Node's timers: whole milliseconds, and at least one.
      const trueMs = Math.trunc(Math.min(Math.max(ms, 1), 2 ** 31 - 1)) / this.plan.rate;
      const sleeper = new Sleeper(this.#time, this, trueMs, wake);
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }
}

class Sleeper {
  readonly #time: TrueTime;
  readonly #owner: Owner;
  readonly #wake: () => void;
  #event: ScheduledEvent;

  constructor(time: TrueTime, owner: Owner, ms: number, wake: () => void) {
    this.#time = time;
    this.#owner = owner;
    this.#wake = wake;
    this.#event = time.after(ms, owner, wake);
  }

  cancel(): void {
    this.#time.cancel(this.#event);
  }

  postpone(ms: number): void {
    this.cancel();
    this.#event = this.#time.at(this.#event.at + ms, this.#owner, this.#wake);
  }
}
