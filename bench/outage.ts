/**
 * `npm run bench -- outage`: what failing calls cost while the database is out: requests sent for each call,
 * how long its caller waits, and how long `waitUntil` is kept. `--seconds 10` shortens the outage.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../dev/redis/probe.ts";
import type { PlainFault } from "../dev/rest/faults.ts";
import { startStack } from "../dev/stack.ts";
import { LockService } from "../src/index.ts";
import { upstash } from "../src/upstash/index.ts";

const CALLS_A_SECOND = 20;

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" } },
  allowPositionals: true,
});
const seconds = Number(values.seconds);

/** Requests by the token they carry. */
const sent = new Map<string, number>();
const send = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const token = new Headers(init?.headers).get("authorization")?.slice("Bearer ".length) ?? "";
  sent.set(token, (sent.get(token) ?? 0) + 1);
  return send(input, init);
};

const stack = await startStack({ onProgress: (line) => console.log(line) });
try {
  console.log(`${CALLS_A_SECOND} calls of tryAcquire a second, for ${seconds} s:`);
  // One after the other: together they would make a front of this size slow.
  await outage("answers 503", { kind: "error-html", status: 503 });
  await outage("applies, and answers 503", { kind: "error-html", status: 503, apply: true });
  await outage("closes the connection", { kind: "drop-request" });
  await outage("does not answer", { kind: "hang" });
  await outage("refuses the connection");
} finally {
  await stack.stop();
}

/** @param fault of the front; without one there is no front */
async function outage(name: string, fault?: PlainFault): Promise<void> {
  const session = stack.front.openSession();
  const url = fault === undefined ? `http://127.0.0.1:${await freePort()}` : session.url;
  if (fault !== undefined) session.faults.add(fault);
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: session.token };
  const locks = new LockService({ database: upstash(env, { prefix: `${session.token}:` }) });
  const calls: Promise<readonly [waitedMs: number, keptMs: number]>[] = [];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    calls.push(failingCall(locks, `key-${calls.length}`));
    await sleep(1_000 / CALLS_A_SECOND);
  }
  const times = await Promise.all(calls);
  const requests = (sent.get(session.token) ?? 0) / times.length;
  const [waited, kept] = [0, 1].map((at) => times.map((pair) => pair[at] ?? 0).toSorted(ascending));
  console.log(
    `${name.padEnd(26)} ${times.length} calls, ${requests.toFixed(1)} requests each;`,
    `the caller waits ${span(waited)}, waitUntil ${span(kept)}`,
  );
  session.close();
}

async function failingCall(locks: LockService, key: string): Promise<readonly [number, number]> {
  const started = performance.now();
  let pledge: Promise<unknown> | undefined;
  const waitUntil = (promise: Promise<unknown>): void => void (pledge = promise);
  const outcome = await locks
    .forRequest({ waitUntil })
    .tryAcquire(key)
    .catch(() => "failed");
  if (outcome !== "failed") throw new Error(`${key} did not fail`);
  const waitedMs = performance.now() - started;
  await pledge;
  return [waitedMs, performance.now() - started];
}

function ascending(one: number, other: number): number {
  return one - other;
}

/** Median and longest. */
function span(times: readonly number[] = []): string {
  const inSeconds = (at: number): string => `${((times.at(at) ?? 0) / 1_000).toFixed(2)} s`;
  return `${inSeconds(Math.floor(times.length / 2))} (at most ${inSeconds(-1)})`;
}
