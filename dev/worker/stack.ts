import { startStack, stopOnSignals } from "../stack.ts";
import type { Stack } from "../stack.ts";
import { startWorker } from "./process.ts";
import type { StartWorkerOptions, WorkerProcess } from "./process.ts";

/** The example Worker with everything it needs, while `use` runs. */
export interface WorkerStack {
  readonly stack: Stack;
  readonly worker: WorkerProcess;
  readonly url: string;
}

export interface WorkerStackOptions extends Pick<StartWorkerOptions, "port" | "watch"> {
  readonly adminToken: string;
  readonly onProgress: (line: string) => void;
}

/**
 * Starts everything, passes it to `use`, and stops it when that returns, throws or is interrupted by a signal. An error
 * is printed with the end of the Worker's log, and makes the result false.
 */
export async function withWorkerStack(
  options: WorkerStackOptions,
  use: (running: WorkerStack) => Promise<boolean>,
): Promise<boolean> {
  const started: { readonly stop: () => Promise<void> }[] = [];
  let isStopping = false;
  const stopAll = async (): Promise<void> => {
    isStopping = true;
    for (const { stop } of started.splice(0).toReversed()) await stop();
  };
  stopOnSignals(stopAll);
  let log = (): Promise<string> => Promise.resolve("");
  let isGood = false;
  try {
    const { onProgress, adminToken, ...place } = options;
    onProgress("Starting Redis and its REST front …");
    const stack = await startStack({ onProgress: (line) => onProgress(`  ${line}`) });
    started.push(stack);
    onProgress(`  ${stack.redis.source}, REST at ${stack.front.url}`);
    onProgress("Starting the Worker on workerd …");
    const { url, token } = stack.session;
    const redis = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
    const secrets = { ...redis, ADMIN_TOKEN: adminToken };
    const worker = await startWorker({ ...place, secrets, onProgress });
    started.push(worker);
    const running = { stack, worker, url: await worker.ready };
    log = worker.log;
    isGood = await use(running);
  } catch (error) {
    if (!isStopping) console.error(error instanceof Error ? error.message : error);
  }
  if (!isGood && !isStopping) {
    const text = await log();
    if (text !== "") console.error(`\nEnd of the Worker's log:\n${text.slice(-2_000)}`);
  }
  // After a signal, this process ends when everything has stopped.
  if (isStopping) await new Promise(() => {});
  await stopAll();
  return isGood;
}
