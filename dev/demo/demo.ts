/**
 * `npm run demo`: the example Worker on workerd, against a real Redis behind an Upstash-compatible
 * REST front, all on this machine. Exits with status 0 only if every guarantee it shows has held.
 */
import { randomUUID } from "node:crypto";
import {
  buyAtOnce,
  countRequests,
  deliverWebhook,
  payTwice,
  runJob,
  sendMails,
  sendTransfer,
  writeReports,
} from "./shop.ts";
import type { DemoShop } from "./shop.ts";
import { formatTable } from "./table.ts";
import type { Finding } from "./table.ts";
import { withWorkerStack } from "../worker/stack.ts";

/** Round trip to Redis: about what a Worker sees to the nearest region. */
const LATENCY_MS = 10;

const say = (line: string): void => console.log(line);

async function experiment(shop: DemoShop): Promise<Finding[]> {
  say("Fifty buyers at once, without a lock …");
  const unguarded = await buyAtOnce(shop, "take-unguarded");
  say("Fifty buyers at once, serialized by withLock() …");
  const guarded = await buyAtOnce(shop, "take");
  say("One buyer alone, counting requests …");
  const cost = await countRequests(shop);
  say("One order, paid by an impatient customer …");
  const payments = await payTwice(shop);
  say("One webhook, delivered again and again …");
  const webhook = await deliverWebhook(shop);
  say("One transfer, sent again with its Idempotency-Key …");
  const transfer = await sendTransfer(shop);
  say("Twenty mails, queued again and again, and one that cannot be sent …");
  const mails = await sendMails(shop);
  say("A cron trigger that fires twice for one night …");
  const reports = await writeReports(shop);
  say("A job that responds first and then works for 5 s …");
  const once = [webhook, transfer, ...mails, reports];
  return [unguarded, guarded, cost, ...payments, ...once, ...(await runJob(shop))];
}

const adminToken = randomUUID();
const isGood = await withWorkerStack({ adminToken, onProgress: say }, async ({ stack, url }) => {
  stack.session.latencyMs = LATENCY_MS;
  say(`  ${url}, with a ${LATENCY_MS} ms round trip to Redis`);
  const findings = await experiment({ url, adminToken, counters: stack.session.counters });
  say(`\n${formatTable(findings)}\n`);
  const failed = findings.filter(({ ok }) => !ok);
  for (const { what } of failed) say(`FAILED: ${what}.`);
  return failed.length === 0;
});
process.exitCode = isGood ? 0 : 1;
