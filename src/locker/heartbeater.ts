import { elapsed, systemRuntime, type Runtime } from "../runtime.ts";

/** How often a delay wakes up, in ms: draining must not have to wait for its end. */
const DELAY_QUANTUM_MS = 1_000;

/** Process-wide, as in distributed-locker, whichever copies of the package there are. */
const DRAINING = Symbol.for("leasehold.draining");

interface DrainingState {
  [DRAINING]?: string | null;
}

/**
 * What a long job calls often while it works: it keeps the lock extended, and throws when the job
 * should stop. Calling it is cheap: it does its work no more often than necessary.
 *
 * @example for (const user of users) { await heartbeater.heartbeat(); await mail(user); }
 */
export class Heartbeater {
  readonly #name: string;
  readonly #beat: () => void | Promise<void>;
  readonly #runtime: Runtime;

  constructor(
    name: string,
    heartbeat: () => void | Promise<void> = () => {},
    runtime: Runtime = systemRuntime,
  ) {
    this.#name = name;
    this.#beat = heartbeat;
    this.#runtime = runtime;
  }

  /** From now on every heartbeat in this process throws DrainingSignal; null ends that. */
  static setDraining(reason: string | null): void {
    (globalThis as DrainingState)[DRAINING] = reason;
  }

  /** A heartbeater that also calls `callback`, at most once every `ms`; a burst of calls counts once. */
  withOnEvery(ms: number, callback: () => void | Promise<void>): Heartbeater {
    const runtime = this.#runtime;
    let last = runtime.now();
    const beat = async (): Promise<void> => {
      const now = runtime.now();
      if (elapsed(last, now) > ms) {
        // Before the call, so that concurrent heartbeats do not call as well.
        last = now;
        await callback();
      }
      await this.#beat();
    };
    return new Heartbeater(this.#name, beat, runtime);
  }

  /**
   * @throws DrainingSignal when the process is draining
   * @throws LockLostError when the lock of this heartbeater is lost
   */
  async heartbeat(): Promise<void> {
    const reason = (globalThis as DrainingState)[DRAINING] ?? null;
    if (reason !== null) throw new DrainingSignal(this.#name, reason);
    await this.#beat();
  }

  /** Sleeps for `ms`, with a heartbeat before, after, and every second meanwhile. */
  async delay(ms: number): Promise<void> {
    const started = this.#runtime.now();
    for (;;) {
      await this.heartbeat();
      const leftMs = Math.trunc(ms) - elapsed(started, this.#runtime.now());
      if (leftMs <= 0) return;
      await this.#runtime.sleep(Math.min(leftMs, DELAY_QUANTUM_MS));
    }
  }
}

/** For jobs too short to need a heartbeat: only draining stops them. */
export class NoopHeartbeater extends Heartbeater {
  constructor() {
    super("NoopHeartbeater");
  }
}

/** Thrown by heartbeats to end a job soon, because its process is about to end. */
export class DrainingSignal extends Error {
  constructor(name: string, reason: string | null) {
    super(`${name} was aborted since the process is draining${reason ? `: ${reason}` : ""}`);
    this.name = "DrainingSignal";
  }
}
