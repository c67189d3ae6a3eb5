import { checkType } from "./check.ts";

/** Something that happens, to be subscribed to. */
export interface Events<T> {
  /**
   * Adds a listener; the returned function removes it. A listener that throws is reported on the
   * console, and affects nothing else.
   *
   * @throws LockConfigurationError when it is not a function
   */
  subscribe(listener: (event: T) => void): () => void;
}

/** The side of {@link Events} that emits them. */
export class Emitter<T> {
  /** What is handed out. */
  readonly events: Events<T> = { subscribe: (listener) => this.#subscribe(listener) };
  readonly #listeners = new Set<(event: T) => void>();

  #subscribe(listener: (event: T) => void): () => void {
    checkType("listener", listener, "function");
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
