import { checkOptions, checkType, show, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import type { LockService } from "../lock-service.ts";
import type { Lock } from "../lock.ts";
import {
  OCCURRENCE_OPTIONS,
  checkOccurrenceOptions,
  onceAt,
  type OccurrenceOptions,
} from "../once/occurrence.ts";
import { checkPeriod, occurrenceNear, type PeriodOptions } from "../once/period.ts";
import { systemRuntime } from "../runtime.ts";
import { injectLocks, locksOf } from "./injection.ts";

/** Options of {@link ScheduledOnce}; times in ms. */
export interface ScheduledOnceOptions extends Omit<OccurrenceOptions, "mode">, PeriodOptions {}

const { mode: _, ...OCCURRENCE } = OCCURRENCE_OPTIONS;
const OPTIONS: OptionNames<ScheduledOnceOptions> = { ...OCCURRENCE, period: true, offset: true };

type Work = (lock: Lock) => Promise<void>;

/** Of a method with or without the lock as its parameter. */
type WorkDecorator = <Method extends Work>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Runs a method that recurs, such as one with `@Cron` of `@nestjs/schedule`, once for each period in all
 * instances of the application, with the lock as its argument. Nest injects the lock service of
 * LocksModule; `this.locks`, if there is one, takes precedence. What throws is not remembered.
 *
 * @throws LockConfigurationError naming a wrong option, when the class is defined
 * @example
 * class Reports {
 *   @Cron("30 3 * * *")
 *   @ScheduledOnce({ name: "nightly", period: 86_400_000, offset: 12_600_000 })
 *   async nightly(): Promise<void> {}
 * }
 */
export function ScheduledOnce(options: ScheduledOnceOptions): WorkDecorator {
  checkOptions("ScheduledOnce", options, OPTIONS);
  const { period, offset, ...job } = options;
  checkOccurrenceOptions("ScheduledOnce", job);
  const plan = { period, offset };
  checkPeriod(plan);

  return (target, _name, descriptor: { value?: Work }) => {
    const method = descriptor.value;
    checkType("ScheduledOnce", method, "function");
    injectLocks(target);
    async function once(this: unknown): Promise<void> {
      const occurrence = occurrenceNear(systemRuntime.now().wall, plan);
      const work = (lock: Lock): unknown => method?.call(this, lock);
      await onceAt(checkLocks(locksOf(this)), occurrence, work, job);
    }
    // Metadata that other decorators, such as `@Cron`, attached to the method stays reachable.
    Object.setPrototypeOf(once, method ?? null);
    Object.defineProperty(once, "name", { value: method?.name, configurable: true });
    descriptor.value = once;
  };
}

function checkLocks(locks: unknown): Pick<LockService, "once"> {
  if (isJobSource(locks)) return locks;
  throw new LockConfigurationError(
    "locks",
    `must be a lock service, but this.locks is ${show(locks)}: import LocksModule; nothing was run`,
  );
}

function isJobSource(value: unknown): value is Pick<LockService, "once"> {
  if (typeof value !== "object" || value === null) return false;
  return "once" in value && typeof value.once === "function";
}
