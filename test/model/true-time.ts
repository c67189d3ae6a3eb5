/** Owner of an event: the event does not happen while its owner is paused, nor once it is dead. */
export interface Owner {
  readonly isDead: boolean;
  readonly pausedUntil: number;
}

/** A scheduled event. */
export interface ScheduledEvent {
  at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

/** Limits that end a schedule that does not end by itself. */
const MAX_EVENTS = 20_000;
const LAST_MS = 300_000;

/** Fraction of a millisecond, so that sums are exact. */
const GRAIN = 64;

/**
 * The true time of a simulated world, in ms, and its scheduled events. Between two events every
 * promise continuation that can run has run.
 */
export class TrueTime {
  now = 0;
  happened = 0;
  #orders = 0;
  #work: Promise<unknown> | undefined;
  /** Sorted, the earliest last. */
  readonly #agenda: ScheduledEvent[] = [];

  at(at: number, owner: Owner | undefined, run: () => void): ScheduledEvent {
    const event = {
      at: Math.ceil(at * GRAIN) / GRAIN,
      order: (this.#orders += 1),
      owner,
      run,
      isCancelled: false,
    };
    this.#enter(event);
    return event;
  }

  after(ms: number, owner: Owner | undefined, run: () => void): ScheduledEvent {
    return this.at(this.now + Math.max(ms, 0), owner, run);
  }

  cancel(event: ScheduledEvent): void {
    event.isCancelled = true;
  }

  /** Nothing else happens, and no time passes, until `work` is done. */
  standStill(work: Promise<unknown>): void {
    this.#work = work.catch(() => {});
  }

  /**
   * Runs all events, with a check before and after each. Resolves when none is left, or with what is
   * wrong if there is no end.
   */
  async pass(look: () => void): Promise<string | undefined> {
    await drained();
    for (;;) {
      const next = this.#agenda.pop();
      if (next === undefined) return undefined;
      if (next.isCancelled || next.owner?.isDead) continue;
      if (next.owner !== undefined && next.owner.pausedUntil > next.at) {
        next.at = next.owner.pausedUntil;
        this.#enter(next);
        continue;
      }
      if (next.at > LAST_MS) return `there are still events after ${next.at} ms`;
      if ((this.happened += 1) > MAX_EVENTS) return `no end after ${this.now} ms`;
      this.now = Math.max(next.at, this.now);
      look();
      next.run();
      await this.#settled();
      look();
    }
  }

  async #settled(): Promise<void> {
    await drained();
    while (this.#work !== undefined) {
      const work = this.#work;
      this.#work = undefined;
      await work;
      await drained();
    }
  }

  #enter(event: ScheduledEvent): void {
    let low = 0;
    let high = this.#agenda.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#agenda[middle];
      if (other !== undefined && isBefore(event, other)) low = middle + 1;
      else high = middle;
    }
    this.#agenda.splice(low, 0, event);
  }
}

function isBefore(one: ScheduledEvent, other: ScheduledEvent): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}

/** Node drains the promise queue before it runs immediates: about a microsecond. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
