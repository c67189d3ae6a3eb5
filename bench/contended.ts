/**
 * `npm run bench -- contended`: many wait for one key. Each way in turn, in one interleaved run, beside the
 * arithmetic limit: nothing is faster than N × (hold + round trip). A round trip is that of the REST front.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startStack, stopOnSignals } from "../dev/stack.ts";
import { median, shuffled } from "./cost/sample.ts";
import { byHand, ours, upstashLock, type Way } from "./cost/ways.ts";

const ROUNDS = 5;
/** Waiters, how long each holds the lock, and the round trip; in ms. */
const SETTINGS = [
  [10, 20, 20],
  [30, 20, 20],
  [100, 20, 20],
  [30, 20, 5],
  [10, 200, 20],
] as const;

/** What one round of one way came to. */
interface Round {
  /** The whole time beside the limit. */
  readonly ratio: number;
  /** Requests an operation, release included. */
  readonly requests: number;
  /** The share of pairs of which the later one came first. */
  readonly overtaken: number;
  /** The longest wait beside the median one; 2 where all are served in order. */
  readonly worst: number;
}

const stack = await startStack({ onProgress: (line) => console.log(line) });
stopOnSignals(() => stack.stop());
try {
  const { url, token } = stack.session;
  const ways = [ours(url, token), upstashLock(url, token), byHand(url, token)];
  for (const way of ways) await way.withLock("warm", () => undefined);
  for (const setting of SETTINGS) await compare(ways, setting);
} finally {
  await stack.stop();
}

async function compare(ways: readonly Way[], setting: (typeof SETTINGS)[number]): Promise<void> {
  const [waiters, hold, roundTrip] = setting;
  stack.session.latencyMs = roundTrip;
  const rounds = new Map<Way, Round[]>(ways.map((way) => [way, []]));
  for (let at = 0; at < ROUNDS; at += 1) {
    for (const [way, found] of shuffled([...rounds])) found.push(await contend(way, setting));
  }
  console.log(
    `\n${waiters} waiters, lock held ${hold} ms, round trip ${roundTrip} ms; medians of ${ROUNDS} rounds`,
  );
  for (const [{ name }, found] of rounds) {
    const of = (figure: keyof Round, digits: number): string =>
      median(found.map((round) => round[figure])).toFixed(digits);
    console.log(
      `${name.padEnd(16)} ${of("ratio", 2)} times the limit, ${of("requests", 1)} requests an operation, ` +
        `${(Number(of("overtaken", 3)) * 100).toFixed(0)} % of pairs out of order, longest wait ${of("worst", 1)} times the median`,
    );
  }
}

async function contend(
  way: Way,
  [waiters, hold, roundTrip]: (typeof SETTINGS)[number],
): Promise<Round> {
  const key = `contended:${Math.random()}`;
  const served: number[] = [];
  const waits: number[] = [];
  stack.session.counters.reset();
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
    requests: stack.session.counters.requests / waiters,
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
