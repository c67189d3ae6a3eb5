import { checkInteger } from "../check.ts";
import { MAX_MS } from "../runtime.ts";
import { occurrenceAt } from "./occurrence.ts";

/** When a job that recurs is due, where nothing tells for when a delivery was scheduled; times in ms. */
export interface PeriodOptions {
  /**
   * Time between two occurrences, or less: 1_000 to 2³¹−1. Periods are counted from 1970, UTC, so that an
   * hour begins on the hour. Each has one occurrence at most, while that is remembered.
   */
  readonly period: number;
  /**
   * How long after the beginning of its period the job is due, below `period`: 1_800_000 for
   * `30 * * * *`. A delivery belongs to the occurrence that is due next if it comes up to 30_000 (and a
   * quarter of the period) too early, as where a clock is behind; otherwise to the one before. @default 0
   */
  readonly offset?: number | undefined;
}

/** No clock is that wrong, and no cron of whole minutes is due that long before another. */
const EARLY_MS = 30_000;

/** @throws LockConfigurationError naming the option and its value */
export function checkPeriod({ period, offset = 0 }: PeriodOptions): void {
  checkInteger("period", period, 1_000, MAX_MS);
  checkInteger("offset", offset, 0, period - 1);
}

/** The occurrence that a delivery at `time` belongs to, in ms since 1970, and as `occurrenceAt`. */
export function occurrenceNear(time: number, { period, offset = 0 }: PeriodOptions): string {
  const since = time + Math.min(EARLY_MS, period / 4) - offset;
  return occurrenceAt(since - (since % period) + offset);
}
