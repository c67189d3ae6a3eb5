import { systemRuntime } from "../../src/index.ts";

/** Does `work` for every item, `size` at a time. */
export async function inPool<T>(
  items: Iterable<T>,
  size: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: size }, lane));
}

/** Measures how long this process was stalled, because it or the machine was busy. */
export class LagMeter {
  lostMs = 0;
  readonly #end = new AbortController();

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    const stepMs = 20;
    while (!this.#end.signal.aborted) {
      const before = performance.now();
      await systemRuntime.sleep(stepMs, this.#end.signal);
      this.lostMs += Math.max(performance.now() - before - stepMs - 5, 0);
    }
  }
}
