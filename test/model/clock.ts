import { elapsed, type Instant } from "../../src/runtime.ts";

/** When every simulated world starts. */
const FIRST_WALL_MS = Date.UTC(2030, 0, 1);

/** One of the two clocks: linear in true time, until it is tampered with. */
class Hand {
  #value: number;
  #since = 0;
  #rate: number;

  constructor(value: number, rate: number) {
    this.#value = value;
    this.#rate = rate;
  }

  read(now: number): number {
    return this.#value + (now - this.#since) * this.#rate;
  }

  set(now: number, { jump = 0, rate = this.#rate }: { jump?: number; rate?: number }): void {
    this.#value = this.read(now) + jump;
    this.#since = now;
    this.#rate = rate;
  }
}

/** The two clocks of one client, as it sees them. */
export class Clock {
  readonly #wall: Hand;
  readonly #monotonic: Hand;
  readonly #rate: number;
  /** True time until which no duration it measures can be trusted. */
  disturbedUntil = -1;
  /** When the monotonic clock was made to jump ahead. */
  hurriedAt = -1;

  constructor(rate: number, wallOffsetMs: number) {
    this.#rate = rate;
    this.#wall = new Hand(FIRST_WALL_MS + wallOffsetMs, rate);
    this.#monotonic = new Hand(1_000, rate);
  }

  read(now: number): Instant {
    // Like Date.now().
    return { wall: Math.floor(this.#wall.read(now)), monotonic: this.#monotonic.read(now) };
  }

  jump(now: number, hand: "wall" | "monotonic", ms: number): void {
    (hand === "wall" ? this.#wall : this.#monotonic).set(now, { jump: ms });
    this.disturbedUntil = Math.max(this.disturbedUntil, now);
    if (hand === "monotonic" && ms > 0) this.hurriedAt = now;
  }

  /** From now on it runs at `part` of its rate; the monotonic clock alone, or both. */
  slow(now: number, part: number, hands: "both" | "monotonic", untilMs: number): void {
    this.#monotonic.set(now, { rate: this.#rate * part });
    if (hands === "both") this.#wall.set(now, { rate: this.#rate * part });
    this.disturbedUntil = Math.max(this.disturbedUntil, untilMs);
  }

  /** Runs at its own rate again, without catching up. */
  recover(now: number): void {
    this.#monotonic.set(now, { rate: this.#rate });
    this.#wall.set(now, { rate: this.#rate });
  }

  /**
   * Whether it measures no less time than has passed since, within the margin of 2 %. If not, its
   * owner may believe for too long that it holds a lock.
   */
  isHonestSince(trueSince: number, since: Instant, now: number): boolean {
    return elapsed(since, this.read(now)) >= (now - trueSince) * 0.9899 - 0.01;
  }
}
