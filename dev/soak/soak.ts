/**
 * `npm run soak -- --minutes 10`: simulated schedules on every core but one, and real acquisitions over a
 * faulty network. `npm run soak -- --kills 200`: processes that are killed in their critical sections; with
 * `--workers 2` they also contend with Workers on that many workerd processes. Exits with status 0 only if
 * no guarantee was violated; Ctrl-C prints the results so far.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { Summary } from "../../test/model/simulation.ts";
import type { KillReport } from "../../test/chaos/kill.ts";
import { PROCESSES, killFigures, soakKills } from "./kills.ts";
import { ProgressLine, formatCounts, formatFigures, show } from "./report.ts";
import { simulate } from "./simulation.ts";
import { soakWorkers } from "./workers.ts";
import { soakWire, type WireSummary } from "./wire.ts";
import { startStack, type Stack } from "../stack.ts";

const AT_ONCE = 48;
const say = (line: string): void => console.log(line);
const line = new ProgressLine();
const interrupt = new AbortController();
/** Unhandled rejections. */
const unhandled: string[] = [];

interface Arguments {
  readonly minutes: number;
  readonly kills: number;
  /** workerd processes that contend with the killed ones. */
  readonly workers: number;
  readonly seed: number;
}

function readArguments(): Arguments {
  const type = "string";
  const options = {
    minutes: { type },
    kills: { type },
    workers: { type },
    seed: { type },
  } as const;
  const { values } = parseArgs({ options });
  const kills = Number(values.kills ?? 0);
  const minutes = Number(values.minutes ?? (kills > 0 ? 0 : 10));
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
  const workers = Number(values.workers ?? 0);
  const counts = [kills, workers, seed];
  if (!(minutes >= 0) || counts.some((count) => !Number.isInteger(count) || count < 0)) {
    throw new Error("usage: soak [--minutes N] [--kills N] [--workers N] [--seed N]");
  }
  return { minutes, kills, workers, seed };
}

/** Runs the simulation and the network tests concurrently. Returns the violations. */
async function soak(stack: Stack, minutes: number, seed: number): Promise<string[]> {
  say(`Running schedules from seed ${seed} and real acquisitions for ${minutes} min …`);
  const time = AbortSignal.timeout(minutes * 60_000);
  const signal = AbortSignal.any([time, interrupt.signal]);
  const started = performance.now();
  let simulation: Summary | undefined;
  let wire: WireSummary | undefined;
  const progress = (): void => {
    const seconds = Math.round((performance.now() - started) / 1_000);
    const broken = (simulation?.violations.length ?? 0) + (wire?.violations.length ?? 0);
    line.show(
      `${seconds} s: ${show(simulation?.schedules ?? 0)} schedules, ${show(simulation?.takeovers ?? 0)} takeovers, ${show(simulation?.completions ?? 0)} jobs, ` +
        `${show(wire?.acquisitions ?? 0)} faulted acquisitions, ${show(broken)} violations`,
    );
  };
  const threads = Math.max(availableParallelism() - 1, 1);
  const onSimulated = (now: Summary): void => {
    simulation = now;
    progress();
  };
  const onWired = (now: WireSummary): void => {
    wire = now;
    progress();
  };
  const [simulated, wired] = await Promise.all([
    simulate({ seed, threads, signal, onProgress: onSimulated }),
    soakWire({ stack, atOnce: AT_ONCE, signal, onProgress: onWired }),
  ]);
  line.clear();
  const { summary, trace } = simulated;
  const broken = (summary?.violations ?? []).map((one) => `seed ${one.seed}: ${one.violation}`);
  say(
    `\n${formatFigures([
      ["simulated schedules", summary?.schedules ?? 0],
      ["  steps", summary?.steps ?? 0],
      ["  locks granted", summary?.grants ?? 0],
      ["  taken over from dead holders", summary?.takeovers ?? 0],
      ["  runs of jobs begun", summary?.runs ?? 0],
      ["  completed", summary?.completions ?? 0],
      ["  calls answered from memory", summary?.recalled ?? 0],
      ["  violations", broken.length],
      ["network test cases", wired.cases],
      ["  hit by a fault", wired.hitCases],
      ["  faulted real acquisitions", wired.acquisitions],
      ["  violations, orphans and leaks", wired.violations.length],
      ["unhandled rejections", unhandled.length],
    ])}\n`,
  );
  say(formatCounts("Faults in the schedules, by kind:", summary?.faults ?? {}));
  say(`\n${formatCounts("Requests hit on the network, by fault:", wired.faults)}`);
  if (trace !== "") say(`\n${trace}`);
  return [...broken, ...wired.violations];
}

function showKills({ kills, stops, takeovers, violations }: KillReport): void {
  line.show(
    `${kills} killed, ${stops} paused, ${takeovers} takeovers, ${violations.length} violations`,
  );
}

async function killProcesses(stack: Stack, kills: number): Promise<string[]> {
  say(`\n${PROCESSES} contending processes, with ${kills} kills in their critical sections …`);
  const { signal } = interrupt;
  const report = await soakKills({ stack, kills, signal, onProgress: showKills });
  line.clear();
  say(`\n${formatFigures(killFigures(report))}`);
  return report.violations;
}

async function contendWithWorkers(stack: Stack, kills: number, workers: number): Promise<string[]> {
  say(
    `\n3 processes, with ${kills} kills, and ${workers} workerd processes that contend for the same lock …`,
  );
  const { signal } = interrupt;
  const report = await soakWorkers({ stack, workers, kills, signal, onProgress: showKills });
  line.clear();
  say(`\n${formatFigures([["items sold by Workers", report.taken], ...killFigures(report)])}`);
  return [...report.violations];
}

function stopOnInterrupt(): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      // A second signal exits immediately: Redis and all processes end with this one.
      if (interrupt.signal.aborted) process.exit(130);
      line.clear();
      say("Interrupted: stopping …");
      interrupt.abort();
    });
  }
}

async function main(): Promise<number> {
  const { minutes, kills, workers, seed } = readArguments();
  stopOnInterrupt();
  process.on("unhandledRejection", (reason) => void unhandled.push(String(reason)));
  const stack = await startStack({ onProgress: say });
  const violations: string[] = [];
  try {
    if (minutes > 0) violations.push(...(await soak(stack, minutes, seed)));
    if (kills > 0 && !interrupt.signal.aborted) {
      violations.push(...(await killProcesses(stack, kills)));
    }
    if (kills > 0 && workers > 0 && !interrupt.signal.aborted) {
      const some = Math.ceil(kills / 10);
      violations.push(...(await contendWithWorkers(stack, some, workers)));
    }
  } finally {
    await stack.stop();
  }
  violations.push(...unhandled.map((reason) => `unhandled rejection: ${reason}`));
  for (const violation of violations.slice(0, 50)) say(`VIOLATION  ${violation}`);
  say(
    violations.length === 0 ? "\nNo guarantee was violated." : `\n${violations.length} violations.`,
  );
  if (violations.length > 0) return 1;
  return interrupt.signal.aborted ? 130 : 0;
}

process.exitCode = await main();
