import { seededRandom } from "../../src/testing/seeded.ts";

/** Draws from one stream of a seed: the same every time, whatever the other streams draw. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number, ...stream: readonly (number | string)[]) {
    this.next = seededRandom(hash(seed, stream));
  }

  /** An integer from `min` to `max`. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.next() * choices.length)] ?? choices[0];
  }
}

/** FNV-1a over the text of the stream's name. */
function hash(seed: number, stream: readonly (number | string)[]): number {
  let mixed = (seed ^ 0x811c9dc5) >>> 0;
  for (const char of stream.join("/")) {
    mixed = Math.imul(mixed ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return mixed;
}
