/** A list of listeners. One that throws is reported on the console, and affects nothing else. */
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
      // A failing observer, synchronous or not, must not fail the work under the lock.
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
