import { checkOptions, checkType, type OptionNames } from "../check.ts";
import type { LockService } from "../lock-service.ts";
import { runUnder, type Lock } from "../lock.ts";
import { meterEvents } from "./metrics.ts";
import type { Meter, Span, Tracer } from "./telemetry.ts";

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  readonly tracer?: Tracer | undefined;
  readonly meter?: Meter | undefined;
  /** Whether spans tell the key, as `lock.key`: it may name a person. @default false */
  readonly includeKey?: boolean | undefined;
}

const INSTRUMENT_OPTIONS: OptionNames<InstrumentOptions> = {
  tracer: true,
  meter: true,
  includeKey: true,
};

/**
 * The service with spans and metrics: `lock.acquire`, `lock.hold` and `lock.release`, `once.run` about the
 * work of a job. What works under `withLock` or `once` has that hold for its parent. To be called once for
 * a service: those bound from it by `forRequest` are instrumented as well. It sends nothing to the database.
 *
 * @throws LockConfigurationError naming the option
 * @example const locks = instrument(service, { tracer: trace.getTracer("shop") });
 */
export function instrument(service: LockService, options: InstrumentOptions): LockService {
  checkOptions("instrument", options, INSTRUMENT_OPTIONS);
  const { tracer, meter, includeKey = false } = options;
  checkType("includeKey", includeKey, "boolean");
  if (meter !== undefined) meterEvents(service.events, meter);
  return tracer === undefined ? service : new Tracing(tracer, includeKey).wrap(service);
}

type Keys = string | readonly string[];
type Call = (...args: never[]) => unknown;

class Tracing {
  readonly #tracer: Tracer;
  readonly #includeKey: boolean;

  constructor(tracer: Tracer, includeKey: boolean) {
    this.#tracer = tracer;
    this.#includeKey = includeKey;
  }

  wrap(service: LockService): LockService {
    const acquire: LockService["acquire"] = (keys, options) =>
      this.#acquire(keys, () => service.acquire(keys, options));
    const own: Partial<Record<PropertyKey, Call>> = {
      acquire,
      tryAcquire: (keys: Keys, options: Parameters<LockService["tryAcquire"]>[1]) =>
        this.#acquire(keys, () => service.tryAcquire(keys, options)),
      attach: (...args: Parameters<LockService["attach"]>) =>
        this.#acquire(undefined, () => service.attach(...args)),
      withLock: async (keys: Keys, work: (lock: Lock) => unknown, options: object) => {
        checkType("work", work, "function");
        return this.#runHolding(await acquire(keys, options), work);
      },
      once: (key: string, work: (lock: Lock) => unknown, ...rest: []) =>
        service.once(
          key,
          (lock) => this.#span("once.run", key, () => work(lock)) as never,
          ...rest,
        ),
      forRequest: (context: Parameters<LockService["forRequest"]>[0]) =>
        this.wrap(service.forRequest(context)),
    };
    return new Proxy(service, {
      get(target, name) {
        // Read of the target itself, which has private fields.
        const value: unknown = own[name] ?? Reflect.get(target, name);
        return typeof value === "function" && name !== "constructor" ? value.bind(target) : value;
      },
    });
  }

  async #acquire<L extends Lock | null>(
    keys: Keys | undefined,
    call: () => Promise<L>,
  ): Promise<L> {
    const lock = await this.#span("lock.acquire", keys, call);
    if (lock !== null) {
      const release = lock.release.bind(lock);
      lock.release = () => this.#span("lock.release", lock.keys, release);
    }
    return lock;
  }

  /** The release is no part of the hold. */
  #runHolding<T>(lock: Lock, work: (lock: Lock) => T | Promise<T>): Promise<Awaited<T>> {
    return runUnder(lock, () =>
      this.#span("lock.hold", lock.keys, async (span) => {
        if (lock.fence !== undefined) span.setAttribute("lock.fence", lock.fence);
        return work(lock);
      }),
    );
  }

  #span<T>(
    name: string,
    keys: Keys | undefined,
    work: (span: Span) => T | Promise<T>,
  ): Promise<Awaited<T>> {
    return this.#tracer.startActiveSpan(name, async (span): Promise<Awaited<T>> => {
      if (this.#includeKey && keys !== undefined)
        span.setAttribute("lock.key", [keys].flat().join());
      try {
        return await work(span);
      } catch (error) {
        // Not its message, which may name the key.
        span.setAttribute("error.type", typeOf(error));
        throw error;
      } finally {
        span.end();
      }
    });
  }
}

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
