/**
 * `npm run demo`: the example Worker on workerd, against a real Redis behind an Upstash-compatible
 * REST front, all on this machine. Ends with status 0 only if everything it shows has held.
 */
import { randomUUID } from "node:crypto";
import { buyAtOnce, countRequests, payTwice, runJob } from "./demo-shop.ts";
import type { DemoShop } from "./demo-shop.ts";
import { formatTable } from "./demo-table.ts";
import type { Finding } from "./demo-table.ts";
import { startStack, stopOnSignals } from "./stack.ts";
import { startWorker } from "./worker-process.ts";

/** Of a request to Redis, both ways: about what a Worker has to the nearest region. */
const LATENCY_MS = 10;

const started: (() => Promise<void>)[] = [];

async function stopAll(): Promise<void> {
  for (const stop of started.splice(0).toReversed()) await stop();
}

function say(line: string): void {
  console.log(line);
}

async function start(): Promise<DemoShop> {
  say("Starting Redis and its REST front …");
  const stack = await startStack({ onProgress: (line) => say(`  ${line}`) });
  started.push(() => stack.stop());
  say(`  ${stack.redis.source}, REST at ${stack.front.url} with ${LATENCY_MS} ms of latency`);
  stack.session.latencyMs = LATENCY_MS;
  const adminToken = randomUUID();
  say("Starting the Worker on workerd …");
  const worker = await startWorker({
    secrets: {
      UPSTASH_REDIS_REST_URL: stack.session.url,
      UPSTASH_REDIS_REST_TOKEN: stack.session.token,
      ADMIN_TOKEN: adminToken,
    },
    onProgress: (line) => say(`  ${line}`),
  });
  started.push(() => worker.stop());
  say(`  ${worker.url}`);
  return { url: worker.url, adminToken, counters: stack.session.counters };
}

async function experiment(shop: DemoShop): Promise<Finding[]> {
  say("Fifty buyers at once, without a lock …");
  const unguarded = await buyAtOnce(shop, "take-unguarded");
  say("Fifty buyers at once, one at a time by withLock() …");
  const guarded = await buyAtOnce(shop, "take");
  say("One buyer alone, counting requests …");
  const cost = await countRequests(shop);
  say("One order, paid by an impatient customer …");
  const payments = await payTwice(shop);
  say("A job that answers first and works for 5 s …");
  return [unguarded, guarded, cost, ...payments, ...(await runJob(shop))];
}

stopOnSignals(stopAll);
try {
  const findings = await experiment(await start());
  say(`\n${formatTable(findings)}\n`);
  const failed = findings.filter(({ ok }) => !ok);
  for (const { what } of failed) say(`Not as it should be: ${what}.`);
  if (failed.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await stopAll();
}
