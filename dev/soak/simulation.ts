import { Worker } from "node:worker_threads";
import type { Summary } from "../../test/model/simulation.ts";
import { addSummaries, type SimulatorMessage } from "./simulator.ts";

/** So that no two threads run the same schedule. */
const SEEDS_A_THREAD = 100_000_000;

export interface SimulationResult {
  readonly summary: Summary | undefined;
  /** The traces of the first violations. */
  readonly trace: string;
}

/** Runs schedules on worker threads until the signal; `onProgress` gets the total over all threads. */
export async function simulate(options: {
  readonly seed: number;
  readonly threads: number;
  readonly signal: AbortSignal;
  readonly onProgress: (summary: Summary) => void;
}): Promise<SimulationResult> {
  const { seed, threads, signal, onProgress } = options;
  const latest: SimulatorMessage[] = [];
  const total = (): Summary | undefined => {
    const summaries = latest.filter((one) => one !== undefined).map(({ summary }) => summary);
    const [first, ...others] = summaries;
    return first === undefined ? undefined : others.reduce(addSummaries, first);
  };
  const runs = Array.from({ length: threads }, (_, index) =>
    runThread(seed + index * SEEDS_A_THREAD, signal, (message) => {
      latest[index] = message;
      const summary = total();
      if (summary !== undefined) onProgress(summary);
    }),
  );
  await Promise.all(runs);
  const traces = latest.map(({ trace = "" }) => trace).filter((trace) => trace !== "");
  return { summary: total(), trace: traces.join("\n\n") };
}

function runThread(
  seed: number,
  signal: AbortSignal,
  onMessage: (message: SimulatorMessage) => void,
): Promise<void> {
  const thread = new Worker(new URL("simulator.ts", import.meta.url), { workerData: seed });
  // The content does not matter: any message stops it.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  const stop = (): void => thread.postMessage("stop");
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return new Promise((resolve, reject) => {
    thread.on("message", onMessage);
    thread.once("error", reject);
    thread.once("exit", (code) => {
      signal.removeEventListener("abort", stop);
      if (code === 0) resolve();
      else reject(new Error(`the simulator exited with status ${code}`));
    });
  });
}
