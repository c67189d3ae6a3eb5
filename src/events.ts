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
      try {
        listener(event);
      } catch (error) {
        // The work under the lock must not fail because its observer did.
        // oxlint-disable-next-line no-console
        console.error("leasehold: an event listener threw", error);
      }
    }
  }
}
