/**
 * `npm run dev`: the example Worker on workerd, reloaded when a source file changes, against its own
 * Redis. PORT sets the port. Runs until Ctrl-C.
 */
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { WorkerProcess } from "./process.ts";
import { withWorkerStack } from "./stack.ts";

const USUAL_PORT = 8787;
const ADMIN_TOKEN = "local-admin";
const FOLLOW_MS = 300;
const NIGHT = Date.UTC(2031, 4, 17, 3);

async function choosePort(wanted: string | undefined): Promise<number> {
  if (wanted === undefined || wanted === "") return (await isFree(USUAL_PORT)) ? USUAL_PORT : 0;
  const port = Number(wanted);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`PORT must be an integer from 1 to 65535, but is "${wanted}"`);
  }
  if (!(await isFree(port))) {
    throw new Error(
      `Port ${port} is in use. Set PORT to another one, or unset it to get a free one.`,
    );
  }
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Commands to try, each building on the one before. */
function examples(url: string): string {
  const admin = `-H 'authorization: Bearer ${ADMIN_TOKEN}'`;
  const reset = `-X PUT ${url}/stock/tea -d 50`;
  const buyers = (route: string): string =>
    `  seq 50 | xargs -P 50 -I@ curl -s -o /dev/null -X POST ${url}/stock/tea/${route}; curl ${url}/stock/tea`;
  const post = (path: string, body: string, header = ""): string =>
    `  for i in 1 2; do curl -i ${header}${url}${path} -d '${body}'; done`;
  return [
    `\nThe Worker is at ${url}\n`,
    "One payment, clicked twice: the second gets a 409; later it is already paid",
    `  curl -i -X POST ${url}/orders/17/pay & curl -i -X POST ${url}/orders/17/pay; wait`,
    "Fifty buyers at once without a lock, then with one: how many teas are left?",
    `  curl ${reset}`,
    buyers("take-unguarded"),
    `  curl ${reset}`,
    buyers("take"),
    "A transfer sent twice with one Idempotency-Key: the second answer is the first, replayed",
    post("/transfers", '{"account":"17"}', "-H 'idempotency-key: \"abc\"' "),
    "A webhook delivered twice: processed once, then remembered",
    post("/webhooks/payments", '{"id":"evt_1"}'),
    "A mail queued twice: sent once; without an address it ends as a dead letter, after some seconds",
    post("/mails", '[{"id":"1","to":"ann@example.org"},{"id":"2","to":"nobody"}]'),
    `  sleep 12; curl ${url}/mails/1; curl ${url}/mails/2`,
    "A cron trigger that fires twice for one night: one report",
    `  for i in 1 2; do curl "${url}/cdn-cgi/local/scheduled?cron=0+3+*+*+*&time=${NIGHT}"; done`,
    `  curl ${url}/reports/${new Date(NIGHT).toISOString().slice(0, 10)}`,
    "A job that responds immediately and works for 5 s under a lock with a TTL of 1.5 s; inspect its lock; force-release it",
    `  curl -X POST ${url}/jobs/night; curl ${url}/jobs/night`,
    `  curl ${admin} ${url}/locks/job:night`,
    `  curl -X DELETE ${admin} ${url}/locks/job:night`,
    "\nCtrl-C stops everything.\n",
  ].join("\n");
}

/** Prints the Worker's log from here on, until it exits. */
async function follow({ log, ended }: WorkerProcess): Promise<void> {
  const over = ended.then(() => true);
  let shown = (await log()).length;
  for (;;) {
    const isOver = await Promise.race([over, sleep(FOLLOW_MS, false)]);
    const text = await log();
    process.stdout.write(text.slice(shown));
    shown = Math.max(shown, text.length);
    if (isOver) return;
  }
}

try {
  const port = await choosePort(process.env["PORT"]);
  const onProgress = (line: string): void => console.log(line);
  const options = { port, watch: true, adminToken: ADMIN_TOKEN, onProgress };
  await withWorkerStack(options, async ({ worker, url }) => {
    console.log(examples(url));
    await follow(worker);
    throw new Error("The Worker has exited.");
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
}
// Ctrl-C does not get here.
process.exitCode = 1;
