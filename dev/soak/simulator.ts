/** A worker thread that runs schedule after schedule until it is told to stop. */
import { setImmediate as turn } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { runSchedules, describeViolations, type Summary } from "../../test/model/simulation.ts";

/** What the thread posts: its progress, and at the end the traces of its violations. */
export interface SimulatorMessage {
  readonly summary: Summary;
  /** Set in the last message. */
  readonly trace?: string;
}

/** Schedules between two checks for a stop message. */
const BATCH = 50;

export function addSummaries(one: Summary, other: Summary): Summary {
  const faults = Object.entries(other.faults).map(([kind, hits]) => {
    return [kind, hits + (one.faults[kind as keyof Summary["faults"]] ?? 0)];
  });
  return {
    schedules: one.schedules + other.schedules,
    steps: one.steps + other.steps,
    grants: one.grants + other.grants,
    takeovers: one.takeovers + other.takeovers,
    runs: one.runs + other.runs,
    completions: one.completions + other.completions,
    recalled: one.recalled + other.recalled,
    faults: Object.fromEntries(faults) as Summary["faults"],
    violations: [...one.violations, ...other.violations],
    seconds: Math.max(one.seconds, other.seconds),
  };
}

if (parentPort !== null) {
  const port = parentPort;
  const order = { isOver: false };
  port.once("message", () => (order.isOver = true));
  let seed = Number(workerData);
  let total = await runSchedules({ seed, count: 0 });
  while (!order.isOver) {
    total = addSummaries(total, await runSchedules({ seed, count: BATCH }));
    seed += BATCH;
    port.postMessage({ summary: total } satisfies SimulatorMessage);
    await turn();
  }
  const trace = await describeViolations(total.violations);
  port.postMessage({ summary: total, trace } satisfies SimulatorMessage);
}
