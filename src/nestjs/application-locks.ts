import { Logger, type OnApplicationShutdown } from "@nestjs/common";
import { checkSignal, checkType, show } from "../check.ts";
import { LockAcquisitionError, LockLostError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { LockEvent } from "../lock-events.ts";
import type { AcquireOptions } from "../lock-options.ts";
import type { LockInfo } from "../lock-info.ts";
import type { LockService } from "../lock-service.ts";
import type { Lock } from "../lock.ts";
import type { JobWork, OnceOutcome, Ran, Recalled } from "../once/once.ts";
import type { OnceArguments, OnceOptions, WaitingOnceOptions } from "../once/options.ts";
import { linkSignals } from "../runtime.ts";
import type { ILockService } from "./injection.ts";

type Keys = string | readonly string[];

/** The lock service of one application: what is still held when the application ends is released. */
export class ApplicationLocks implements ILockService, OnApplicationShutdown {
  readonly #service: LockService;
  readonly #held: Set<Lock> = new Set();
  readonly #end: AbortController = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(service: LockService) {
    this.#service = service;
    this.#unsubscribe = service.events.subscribe(logFailure);
  }

  get events(): Events<LockEvent> {
    return this.#service.events;
  }

  async acquire(key: Keys, options: AcquireOptions = {}): Promise<Lock> {
    return this.#untilEnd(options, async (bound) =>
      this.#keep(await this.#service.acquire(key, bound)),
    );
  }

  async tryAcquire(
    key: Keys,
    options: Omit<AcquireOptions, "retry" | "waitTimeout"> = {},
  ): Promise<Lock | null> {
    return this.#untilEnd(options, async (bound) => {
      const lock = await this.#service.tryAcquire(key, bound);
      return lock === null ? null : this.#keep(lock);
    });
  }

  async withLock<T>(
    key: Keys,
    work: (lock: Lock) => T | Promise<T>,
    options: AcquireOptions = {},
  ): Promise<Awaited<T>> {
    const enter = async (lock: Lock): Promise<Awaited<T>> => {
      const result = await work(await this.#keep(lock));
      if (!this.#end.signal.aborted || !isOver(lock)) return result;
      // Released while the work was running: as after any other loss, it must not succeed.
      throw new LockLostError(lock.key, "the application was closed during the work", { result });
    };
    return this.#untilEnd(options, (bound) => this.#service.withLock(key, enter, bound));
  }

  once<T>(
    key: string,
    work: JobWork<T>,
    ...options: OnceArguments<T, WaitingOnceOptions<T>>
  ): Promise<Ran<T> | Recalled<T>>;
  once<T>(
    key: string,
    work: JobWork<T>,
    ...options: OnceArguments<T, OnceOptions<T> | undefined>
  ): Promise<OnceOutcome<T>>;
  async once<T>(
    key: string,
    work: JobWork<T>,
    options: OnceOptions<T> = {},
  ): Promise<OnceOutcome<T>> {
    // Released when the application closes, it cannot complete: LockLostError.
    const enter = async (lock: Lock): Promise<T> => work(await this.#keep(lock));
    return this.#untilEnd(options, (bound: OnceOptions<T>) =>
      // That T is JSON, or has a codec, the caller's own type has shown.
      this.#service.once<T>(
        key,
        enter,
        ...([bound] as unknown as OnceArguments<T, OnceOptions<T> | undefined>),
      ),
    );
  }

  isLocked(key: string): Promise<boolean> {
    return this.#service.isLocked(key);
  }

  inspect(key: string): Promise<LockInfo | null> {
    return this.#service.inspect(key);
  }

  forceRelease(key: string): Promise<boolean> {
    return this.#service.forceRelease(key);
  }

  /**
   * Ends all waiting and releases what is still held. Nest calls it once open requests are answered:
   * `onModuleDestroy` would be too early, while their work is still running under these locks. Never
   * rejects: a failed release shows in the events, and its lock ends with its TTL.
   */
  async onApplicationShutdown(): Promise<void> {
    this.#end.abort(new Error("The application was closed."));
    await Promise.all([...this.#held].map((lock) => lock[Symbol.asyncDispose]()));
    this.#held.clear();
    this.#unsubscribe();
  }

  /** Lets the end of the application cancel waiting, as the caller's own signal does. */
  async #untilEnd<R>(
    options: AcquireOptions,
    run: (bound: AcquireOptions) => Promise<R>,
  ): Promise<R> {
    checkType("options", options, "object");
    if (options.signal !== undefined) checkSignal("signal", options.signal);
    // By name: a spread would lose getters of a prototype. The rest are names that the service refuses.
    const { ttl, waitTimeout, retry, autoRenew, trace, signal, ...unknown } = options;
    const link = linkSignals([signal, this.#end.signal]);
    const named = { ttl, waitTimeout, retry, autoRenew, trace, signal: link.signal };
    try {
      return await run({ ...unknown, ...named });
    } finally {
      link.abort();
    }
  }

  /** Remembers a lock, and forgets those that have ended meanwhile. */
  async #keep(lock: Lock): Promise<Lock> {
    for (const held of this.#held) if (isOver(held)) this.#held.delete(held);
    if (!this.#end.signal.aborted) {
      this.#held.add(lock);
      return lock;
    }
    // It was acquired as the application closed: nobody would release it.
    await lock[Symbol.asyncDispose]();
    const message = `Lock "${lock.key}" was released at once: the application was closed.`;
    throw new LockAcquisitionError("aborted", lock.key, message);
  }
}

const logger = new Logger("leasehold");

/** What would otherwise go unnoticed: the work learns of a loss only when it looks. */
function logFailure(event: LockEvent): void {
  if (!("error" in event)) return;
  const { type, keys, error } = event;
  const why = error instanceof Error ? error.message : show(error);
  logger.warn(`${FAILURES[type]} of ${keys.map(show).join(", ")}: ${why}`);
}

const FAILURES = {
  lost: "Loss",
  renewalFailed: "Failed renewal",
  releaseFailed: "Failed release",
  resultNotKept: "Result not kept",
};

function isOver(lock: Lock): boolean {
  try {
    lock.assertHeld();
    return false;
  } catch {
    return true;
  }
}
