import { planOf } from "./generate.ts";
import { FAULT_KINDS, type FaultKind, type Plan } from "./plan.ts";
import { play, type Outcome } from "./schedule.ts";
import { shorten } from "./shorten.ts";

export interface RunOptions {
  /** The seed of the first schedule; the others follow. */
  readonly seed: number;
  readonly count: number;
  /** Called now and then with the results so far. */
  readonly onProgress?: (summary: Summary) => void;
  /** Ends the run after this many violations. @default Infinity */
  readonly maxViolations?: number;
  /** Ends the run soon. */
  readonly signal?: AbortSignal;
}

export interface FoundViolation {
  readonly seed: number;
  readonly violation: string;
}

/** The results of many schedules. */
export interface Summary {
  readonly schedules: number;
  readonly steps: number;
  /** Locks granted by the store. */
  readonly grants: number;
  /** Those that were taken over from a dead holder. */
  readonly takeovers: number;
  /** Runs of jobs that began, completions that took effect, and calls that were told of one. */
  readonly runs: number;
  readonly completions: number;
  readonly recalled: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly violations: readonly FoundViolation[];
  readonly seconds: number;
}

const PROGRESS_EVERY = 500;

/** Runs the schedules of `count` seeds, one after the other. */
export async function runSchedules(options: RunOptions): Promise<Summary> {
  const { seed, count, onProgress, maxViolations = Infinity, signal } = options;
  const started = performance.now();
  const violations: FoundViolation[] = [];
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<
    FaultKind,
    number
  >;
  const totals = {
    schedules: 0,
    steps: 0,
    grants: 0,
    takeovers: 0,
    runs: 0,
    completions: 0,
    recalled: 0,
  };
  const summary = (): Summary => ({
    ...totals,
    faults: { ...faults },
    violations: [...violations],
    seconds: (performance.now() - started) / 1_000,
  });
  for (let next = seed; next < seed + count; next += 1) {
    if (signal?.aborted || violations.length >= maxViolations) break;
    const outcome = await play(planOf(next));
    totals.schedules += 1;
    totals.steps += outcome.steps;
    totals.grants += outcome.grants;
    totals.takeovers += outcome.takeovers;
    totals.runs += outcome.runs;
    totals.completions += outcome.completions;
    totals.recalled += outcome.recalled;
    for (const [kind, hits] of outcome.hits) faults[kind] += hits;
    if (outcome.violation !== undefined) {
      violations.push({ seed: next, violation: outcome.violation });
    }
    if (totals.schedules % PROGRESS_EVERY === 0) onProgress?.(summary());
  }
  return summary();
}

/** Runs the schedule of one seed, shrunk if it has a violation, and logs each step. */
export async function replay(
  seed: number,
  { isShortened = true }: { readonly isShortened?: boolean } = {},
): Promise<{ readonly plan: Plan; readonly outcome: Outcome }> {
  const whole = planOf(seed);
  const { violation } = await play(whole);
  const trial = async (plan: Plan): Promise<string | undefined> => (await play(plan)).violation;
  const plan =
    violation === undefined || !isShortened ? whole : await shorten(whole, violation, trial);
  return { plan, outcome: await play(plan, { isLogged: true }) };
}

/** Describes violations, each with the shortest schedule found and how to replay it. */
export async function describeViolations(
  violations: readonly FoundViolation[],
  most = 3,
): Promise<string> {
  const texts = violations.slice(0, most).map(async ({ seed, violation }) => {
    const { plan, outcome } = await replay(seed);
    const parts = [...plan.clients, ...plan.faults].map((part) => JSON.stringify(part));
    return [
      `seed ${seed}: ${violation}`,
      ...parts,
      ...outcome.log,
      `replay: node test/model/replay.ts --seed ${seed}`,
    ].join("\n");
  });
  return (await Promise.all(texts)).join("\n\n");
}
