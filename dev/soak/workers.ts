import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { KillTest, type KillReport } from "../../test/chaos/kill.ts";
import { openDirectConnection } from "../../test/chaos/local-wire.ts";
import type { Stack } from "../stack.ts";
import { startWorker, type WorkerProcess } from "../worker/process.ts";

const SKU = "contended";
/** In the example Worker the lock and what it protects share a name. */
const KEY = `stock:${SKU}`;
const INITIAL_STOCK = 1_000_000;
const BUYERS_PER_WORKER = 3;

export interface WorkersReport extends KillReport {
  /** Items sold by Workers. */
  taken: number;
}

/**
 * Workers on several workerd processes and Node processes contend for one key, while the Node processes are
 * being killed. Nobody may change the stock while another holds the lock.
 */
export async function soakWorkers(options: {
  readonly stack: Stack;
  readonly workers: number;
  readonly kills: number;
  readonly signal: AbortSignal;
  readonly onProgress: (report: KillReport) => void;
}): Promise<WorkersReport> {
  const { stack, workers, ...rest } = options;
  const { url, token } = stack.session;
  const redis = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const secrets = { ...redis, ADMIN_TOKEN: randomUUID() };
  const direct = await openDirectConnection(stack.redis.url);
  const running: WorkerProcess[] = [];
  const lefts: number[] = [];
  const end = new AbortController();
  try {
    for (let started = 0; started < workers; started += 1) {
      running.push(await startWorker({ secrets }));
    }
    const urls = await Promise.all(running.map(({ ready }) => ready));
    await direct.command("SET", KEY, INITIAL_STOCK);
    const buyers = urls.flatMap((worker) =>
      Array.from({ length: BUYERS_PER_WORKER }, () => buy(worker, lefts, end.signal)),
    );
    const { command } = direct;
    const shared = {
      processes: 3,
      keys: [KEY],
      ttl: 1_000,
      stopEvery: 8,
      prefix: "",
      watched: KEY,
    };
    const report = await new KillTest({ url, token, command, ...shared, ...rest }).run();
    end.abort();
    await Promise.all(buyers);
    const left = Number(await command("GET", KEY));
    return {
      ...report,
      taken: lefts.length,
      violations: [...report.violations, ...stockFlaws(lefts, left)],
    };
  } finally {
    end.abort();
    await Promise.all(running.map((worker) => worker.stop()));
    direct.close();
  }
}

async function buy(worker: string, lefts: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = await fetch(`${worker}/stock/${SKU}/take`, { method: "POST" });
    if (answer.ok) lefts.push(((await answer.json()) as { left: number }).left);
    else await answer.body?.cancel();
    await sleep(Math.random() * 50);
  }
}

function stockFlaws(lefts: readonly number[], left: number): string[] {
  const flaws: string[] = [];
  if (new Set(lefts).size !== lefts.length) flaws.push("two buyers were sold the same item");
  // A buyer whose request failed may have taken an item nevertheless.
  if (INITIAL_STOCK - left < lefts.length)
    flaws.push(`${lefts.length} were sold, but ${left} are left`);
  return flaws;
}
