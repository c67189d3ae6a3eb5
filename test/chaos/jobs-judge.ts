import { isLockError, type OnceEachOutcome } from "../../src/index.ts";
import { decodeResultRecord, type ResultRecord } from "../../src/database/result-record.ts";

/** One run of a job's work. */
export interface Run {
  readonly caller: string;
  readonly key: string;
  readonly ownerHash: string;
  readonly fence: number;
  /** Distinct for each run. */
  readonly result: string;
  /** Its result is larger than what is kept. */
  readonly isLarge: boolean;
  /** Its lock was removed before it ended, as by an expiry that its caller did not notice. */
  readonly isExpired: boolean;
  /** What it threw. */
  error: Error | undefined;
}

/** What a caller was told of one job. */
export type Told = OnceEachOutcome<string>;

export interface Call {
  readonly name: string;
  readonly key: string;
  readonly ifRunning: "skip" | "join" | "throw";
  /** Nobody else runs the job, or has left a lock of it. */
  readonly isAlone: boolean;
  readonly isCalm: boolean;
  /** There is a reason for a missing answer. */
  readonly mayFail: boolean;
  readonly told: Told;
}

export interface JudgedJob {
  /** What is stored of it when everything is over. */
  readonly text: unknown;
  readonly runs: readonly Run[];
  readonly calls: readonly Call[];
}

/** What must not be: two remembered results, a run after a completion, or anything told that is not true. */
export function judgeJob({ text, runs, calls }: JudgedJob): string[] {
  const stored = decodeResultRecord(text);
  if (stored === null) return [`nothing is remembered, but ${String(text)}`];
  const told = calls.map((call) => {
    const own = runs.filter((run) => run.caller === call.name);
    return { call, flaw: flawOf(call, own, stored) };
  });
  return [
    ...storedFlaws(stored, runs),
    ...told.flatMap(({ call: { name, key }, flaw }) =>
      flaw === undefined ? [] : [`${name} of ${key}: ${flaw}`],
    ),
  ];
}

function storedFlaws(stored: ResultRecord, runs: readonly Run[]): string[] {
  const run = runs.find(({ ownerHash }) => ownerHash === stored.ownerHash);
  if (run === undefined) return ["what is remembered is of no run"];
  const flaws: string[] = [];
  if (run.isExpired) flaws.push(`the run of ${run.caller}, which had no lock, is remembered`);
  if (run.error !== undefined) flaws.push(`the failed run of ${run.caller} is remembered`);
  if (stored.fence !== run.fence) flaws.push(`fence ${stored.fence} is remembered of ${run.fence}`);
  const result = run.isLarge ? undefined : JSON.stringify(run.result);
  if (stored.result !== result) flaws.push(`${stored.result} is remembered of ${run.result}`);
  // The lock of a run that has completed is granted to nobody any more.
  const later = runs.filter(({ fence }) => fence > run.fence);
  return [...flaws, ...later.map(({ caller }) => `${caller} runs a job that has completed`)];
}

/** Why what was told is not true. */
function flawOf(call: Call, own: readonly Run[], stored: ResultRecord): string | undefined {
  const { told, isCalm, isAlone } = call;
  const [run] = own;
  if (own.length > 1) return `ran ${own.length} times in one call`;
  const isRun = told.status === "ran" || (told.status === "failed" && isOfRun(told.error, run));
  if (isRun !== (run !== undefined)) return `was told ${show(told)}, but ran ${own.length} times`;
  switch (told.status) {
    case "ran":
      return ranFlaw(told, call, run, stored);
    case "remembered":
      if (told.completedAt.toISOString() !== stored.completedAt)
        return "another completion was told";
      return encoded(told.result) === stored.result ? undefined : `was told ${show(told)}`;
    case "running":
      if (isAlone || call.ifRunning !== "skip") return "was told that it runs";
      return undefined;
    case "failed":
      if (isCalm) return `failed without a fault: ${String(told.error)}`;
      return failureFlaw(told.error, call, run, stored);
  }
}

function ranFlaw(
  told: Extract<Told, { status: "ran" }>,
  { mayFail }: Call,
  run: Run | undefined,
  stored: ResultRecord,
): string | undefined {
  if (run === undefined || run.error !== undefined) return "was told that a failed run returned";
  if (told.result !== run.result) return `got ${told.result} of a run that returned ${run.result}`;
  if (told.remembered === "unknown") return mayFail ? undefined : "knows nothing without a fault";
  if (told.remembered !== (run.isLarge ? "marker" : "result")) return `was told ${show(told)}`;
  return stored.ownerHash === run.ownerHash ? undefined : `another is remembered: ${show(told)}`;
}

function failureFlaw(
  error: unknown,
  { mayFail, isAlone, ifRunning }: Call,
  run: Run | undefined,
  stored: ResultRecord,
): string | undefined {
  if (run?.error !== undefined) {
    return error === run.error ? undefined : `the run's error became ${String(error)}`;
  }
  if (isLockError(error, "LOCK_LOST")) {
    if (error.result !== run?.result) return `lost ${String(error.result)}`;
    if (!mayFail && run?.isExpired !== true) return "lost its lock without a fault";
    // Without an answer to the completion nobody knows.
    const isKnown = isLockError(error.cause, "LOCK_NOT_OWNED");
    return isKnown && stored.ownerHash === run?.ownerHash ? "lost what is remembered" : undefined;
  }
  if (!isLockError(error, "LOCK_ACQUISITION")) return `threw ${String(error)}`;
  const isRefused = error.reason === (ifRunning === "join" ? "timeout" : "held");
  if (isRefused && ifRunning !== "skip") return isAlone ? "was refused by nobody" : undefined;
  return error.reason === "error" && mayFail ? undefined : `failed: ${String(error)}`;
}

/** Whether this is how a run ends that has begun. */
function isOfRun(error: unknown, run: Run | undefined): boolean {
  return isLockError(error, "LOCK_LOST") || (run !== undefined && error === run.error);
}

function encoded(result: string | undefined): string | undefined {
  return result === undefined ? undefined : JSON.stringify(result);
}

function show(told: Told): string {
  return told.status === "failed" ? String(told.error) : JSON.stringify(told);
}
