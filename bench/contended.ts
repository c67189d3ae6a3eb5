/**
 * `npm run bench -- contended`: many wait for one key. Each way in turn, in one interleaved run, beside the
 * arithmetic limit: nothing is faster than N × (hold + round trip). A round trip is that of the REST front
 * or, for those that speak Redis's own protocol, of a TCP relay.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startStack, stopOnSignals } from "../dev/stack.ts";
import { CONTENDED_FILE, type ContendedTable } from "./cost/picture.ts";
import { startRelay } from "./cost/relay.ts";
import { median, shuffled } from "./cost/sample.ts";
import { tcpWays } from "./cost/tcp-ways.ts";
import { byHand, ours, upstashLock, type Way } from "./cost/ways.ts";

const ROUNDS = 5;
/** Waiters, how long each holds the lock, and the round trip; in ms. */
const SETTINGS = [
  [2, 20, 20],
  [10, 20, 20],
  [30, 20, 20],
  [100, 20, 20],
  [30, 20, 5],
  [10, 200, 20],
  [10, 200, 5],
] as const;

/** What one round of one way came to. */
interface Round {
  /** The whole time beside the limit. */
  readonly ratio: number;
  /** Requests an operation, release included; over TCP, commands sent. */
  readonly requests: number;
  /** The share of pairs of which the later one came first. */
  readonly overtaken: number;
  /** The longest wait beside the median one; 2 where all are served in order. */
  readonly worst: number;
}

const stack = await startStack({ onProgress: (line) => console.log(line) });
stopOnSignals(() => stack.stop());
const relay = await startRelay(stack.redis.url);
const overTcp = tcpWays(relay);
try {
  const { url, token } = stack.session;
  const ways = [ours(url, token), upstashLock(url, token), byHand(url, token), ...overTcp.ways];
  for (const way of ways) await way.withLock("warm", () => undefined);
  const tables: ContendedTable[] = [];
  for (const setting of SETTINGS) tables.push(await compare(ways, setting));
  mkdirSync(path.dirname(CONTENDED_FILE), { recursive: true });
  writeFileSync(CONTENDED_FILE, JSON.stringify(tables));
} finally {
  overTcp.close();
  await relay.stop();
  await stack.stop();
}

async function compare(
  ways: readonly Way[],
  setting: (typeof SETTINGS)[number],
): Promise<ContendedTable> {
  const [waiters, hold, roundTrip] = setting;
  stack.session.latencyMs = roundTrip;
  relay.roundTripMs = roundTrip;
  const rounds = new Map<Way, Round[]>(ways.map((way) => [way, []]));
  for (let at = 0; at < ROUNDS; at += 1) {
    for (const [way, found] of shuffled([...rounds])) found.push(await contend(way, setting));
  }
  const title = `${waiters} waiters, held ${hold} ms, round trip ${roundTrip} ms`;
  console.log(
    `\n${title}; medians of ${ROUNDS} rounds\n\n` +
      "| | × limit | requests an operation | pairs out of order | longest ÷ median wait |\n| --- | --: | --: | --: | --: |",
  );
  const rows = [...rounds].map(([way, found]) => {
    const of = (figure: keyof Round): number => median(found.map((round) => round[figure]));
    console.log(
      `| ${way.name} | ${of("ratio").toFixed(2)} | ${of("requests").toFixed(1)} | ` +
        `${(of("overtaken") * 100).toFixed(0)} % | ${of("worst").toFixed(1)} |`,
    );
    return { name: way.name, ratio: of("ratio"), requests: of("requests") };
  });
  return { title, rows };
}

async function contend(
  way: Way,
  [waiters, hold, roundTrip]: (typeof SETTINGS)[number],
): Promise<Round> {
  const key = `contended:${Math.random()}`;
  const served: number[] = [];
  const waits: number[] = [];
  stack.session.counters.reset();
  relay.commands = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: waiters }, async (_, at) => {
      // One after another, so that there is an order.
      await sleep(at);
      const asked = performance.now();
      await way.withLock(key, async () => {
        waits.push(performance.now() - asked);
        served.push(at);
        await sleep(hold);
      });
    }),
  );
  return {
    ratio: (performance.now() - started) / (waiters * (hold + roundTrip)),
    requests: (stack.session.counters.requests + relay.commands) / waiters,
    overtaken: overtakenShare(served),
    worst: Math.max(...waits) / median(waits),
  };
}

function overtakenShare(served: readonly number[]): number {
  let overtaken = 0;
  served.forEach((one, at) => {
    overtaken += served.slice(at + 1).filter((later) => later < one).length;
  });
  return overtaken / ((served.length * (served.length - 1)) / 2);
}
