import { checkOneOf, checkOptions, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkText } from "../key.ts";
import { checkDeclaredOptions, type AcquireOptions } from "../lock-options.ts";
import type { LockService } from "../lock-service.ts";
import { runUnder, type Lock } from "../lock.ts";
import { checkRemember } from "./options.ts";

/** Options of a job that recurs, whatever platform calls it; times in ms. */
export interface OccurrenceOptions extends Pick<AcquireOptions, "ttl" | "autoRenew" | "trace"> {
  /** Names the job, for all that use this database: 1 to 200 bytes. */
  readonly name: string;
  /**
   * `occurrence`: each occurrence once, however often it is delivered. `no-overlap`: a run is skipped while
   * another of this name goes on; a second delivery after that runs. @default "occurrence"
   */
  readonly mode?: "occurrence" | "no-overlap" | undefined;
  /** How long an occurrence is remembered. @default 86_400_000 (a day) */
  readonly remember?: number | undefined;
}

export const OCCURRENCE_OPTIONS: OptionNames<OccurrenceOptions> = {
  name: true,
  mode: true,
  remember: true,
  ttl: true,
  autoRenew: true,
  trace: true,
};

/** `remembered`: this occurrence has completed before. `running`: another runs it, or one of its name. */
export type OccurrenceOutcome = "ran" | "remembered" | "running";

/** @throws LockConfigurationError naming the option and its value */
export function checkOccurrenceOptions(what: string, options: OccurrenceOptions): void {
  checkOptions(what, options, OCCURRENCE_OPTIONS);
  const { name, mode = "occurrence", remember, ...lock } = options;
  checkText("name", name, 1, 200);
  checkOneOf("mode", mode, ["occurrence", "no-overlap"]);
  checkDeclaredOptions(lock);
  if (remember === undefined) return;
  checkRemember(remember);
  if (mode === "occurrence") return;
  throw new LockConfigurationError("remember", 'is for mode: "occurrence"; nothing else remembers');
}

/**
 * Runs a job that recurs, unless this occurrence of it has completed before or another is at work. What
 * throws is not remembered.
 *
 * @param occurrence the same for all deliveries of one occurrence, and for no other: see `occurrenceAt`
 *   and `occurrenceNear`, or an id that the platform gives
 * @throws LockAcquisitionError without a conclusive answer, LockLostError, and what the work throws
 */
export async function runOccurrence(
  locks: LockService,
  occurrence: string,
  work: (lock: Lock) => unknown,
  { name, mode, remember, ...lock }: OccurrenceOptions,
): Promise<OccurrenceOutcome> {
  if (mode !== "no-overlap") return onceAt(locks, occurrence, work, { name, remember, ...lock });
  const held = await locks.tryAcquire(`cron:${name}`, lock);
  if (held === null) return "running";
  await runUnder(held, work);
  return "ran";
}

/** As {@link runOccurrence} does by default, for whatever has `once`. What the work returns is not stored. */
export async function onceAt(
  locks: Pick<LockService, "once">,
  occurrence: string,
  work: (lock: Lock) => unknown,
  { name, ...job }: Omit<OccurrenceOptions, "mode">,
): Promise<OccurrenceOutcome> {
  const discarding = async (lock: Lock): Promise<void> => {
    await work(lock);
  };
  const { status } = await locks.once(`cron:${name}:${occurrence}`, discarding, job);
  return status;
}

/** The occurrence that was scheduled for a time, in ms since 1970. */
export function occurrenceAt(time: number): string {
  return new Date(time).toISOString();
}
