/** A list of listeners. One that throws is reported on the console and disturbs nobody. */
export class Events<T> {
  readonly #listeners = new Set<(event: T) => void>();

  /** Adds a listener; the returned function removes it. */
  subscribe(listener: (event: T) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls every listener, in the order of subscription. */
  emit(event: T): void {
    for (const listener of this.#listeners) {
      // The work under the lock must not fail because its observer did, at once or later.
      try {
        const result: unknown = listener(event);
        if (result instanceof Promise) result.catch(report);
      } catch (error) {
        report(error);
      }
    }
  }
}

function report(error: unknown): void {
  // oxlint-disable-next-line no-console
  console.error("leasehold: an event listener threw", error);
}
