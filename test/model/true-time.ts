/** Whose turn something is: it does not happen while its owner is paused, nor once it is dead. */
export interface Owner {
  readonly isDead: boolean;
  readonly pausedUntil: number;
}

/** Something that will happen. */
export interface Happening {
  at: number;
  readonly order: number;
  readonly owner: Owner | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A schedule that does not end by itself is ended here. */
const MOST_HAPPENINGS = 20_000;
const LAST_MS = 300_000;

/** Parts of a millisecond, of which sums are exact. */
const GRAIN = 64;

/**
 * The one true time of a simulated world, in ms, and all that will happen in it. Between two
 * happenings every promise continuation that can run has run.
 */
export class TrueTime {
  now = 0;
  happened = 0;
  #orders = 0;
  #work: Promise<unknown> | undefined;
  /** The soonest last. */
  readonly #agenda: Happening[] = [];

  at(at: number, owner: Owner | undefined, run: () => void): Happening {
    const happening = {
      at: Math.ceil(at * GRAIN) / GRAIN,
      order: (this.#orders += 1),
      owner,
      run,
      isCancelled: false,
    };
    this.#enter(happening);
    return happening;
  }

  after(ms: number, owner: Owner | undefined, run: () => void): Happening {
    return this.at(this.now + Math.max(ms, 0), owner, run);
  }

  cancel(happening: Happening): void {
    happening.isCancelled = true;
  }

  /** Nothing else happens, and no time passes, until this is done. */
  standStill(work: Promise<unknown>): void {
    this.#work = work.catch(() => {});
  }

  /**
   * Lets everything happen, with a look before and after each. Resolves when nothing is left, with
   * what is wrong if there is no end.
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
      if (next.at > LAST_MS) return `something is still to come after ${next.at} ms`;
      if ((this.happened += 1) > MOST_HAPPENINGS) return `no end after ${this.now} ms`;
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

  #enter(happening: Happening): void {
    let low = 0;
    let high = this.#agenda.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#agenda[middle];
      if (other !== undefined && isBefore(happening, other)) low = middle + 1;
      else high = middle;
    }
    this.#agenda.splice(low, 0, happening);
  }
}

function isBefore(one: Happening, other: Happening): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}

/** Node runs the promise queue dry before it comes to its immediates: about a microsecond. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
