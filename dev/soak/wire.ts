import { randomCase, runCase, type WireCase } from "../../test/chaos/case.ts";
import {
  localWire,
  openDirectConnection,
  type DirectConnection,
} from "../../test/chaos/local-wire.ts";
import { LagMeter, inPool } from "../../test/chaos/pool.ts";
import { GRACE_MS, TTL_MS } from "../../test/chaos/scene.ts";
import { systemRuntime } from "../../src/index.ts";
import type { Stack } from "../stack.ts";

/** Results of real acquisitions over a faulty network. */
export interface WireSummary {
  cases: number;
  /** Cases in which a fault hit a request. */
  hitCases: number;
  /** Acquisitions in those cases. */
  acquisitions: number;
  /** Requests that were hit, by fault. */
  readonly faults: Record<string, number>;
  readonly violations: string[];
}

const VIOLATIONS_KEPT = 200;

/** Runs test cases, `atOnce` at a time, until the signal. */
export async function soakWire(options: {
  readonly stack: Stack;
  readonly atOnce: number;
  readonly signal: AbortSignal;
  readonly onProgress: (summary: WireSummary) => void;
}): Promise<WireSummary> {
  const { stack, atOnce, signal, onProgress } = options;
  const direct = await openDirectConnection(stack.redis.url);
  const lag = new LagMeter();
  lag.start();
  const openWire = (): ReturnType<typeof localWire> => localWire(stack.front, direct);
  const summary: WireSummary = {
    cases: 0,
    hitCases: 0,
    acquisitions: 0,
    faults: {},
    violations: [],
  };
  try {
    await inPool(casesUntil(signal), atOnce, async (one) => {
      const { violations, hits, acquisitions } = await runCase(one, { openWire, clock: () => lag });
      summary.cases += 1;
      summary.faults[one.fault] = (summary.faults[one.fault] ?? 0) + hits;
      if (hits > 0) {
        summary.hitCases += 1;
        summary.acquisitions += acquisitions;
      }
      summary.violations.push(...violations);
      summary.violations.splice(VIOLATIONS_KEPT);
      onProgress(summary);
    });
    summary.violations.push(...(await orphans(direct)));
  } finally {
    lag.stop();
    direct.close();
  }
  return summary;
}

function* casesUntil(signal: AbortSignal): Generator<WireCase> {
  while (!signal.aborted) yield randomCase(Math.random);
}

/** Locks and liveness keys that outlive their case and its TTL. */
async function orphans({ command }: DirectConnection): Promise<string[]> {
  await systemRuntime.sleep(TTL_MS + 200);
  const names = (await command("KEYS", "{*}*")) as string[];
  const left = names.filter((name) => !/\}(?:fence|gone:.*)$/s.test(name));
  const late = await Promise.all(
    left.map(async (name) => ({ name, ttl: Number(await command("PTTL", name)) })),
  );
  const orphaned = late.filter(({ ttl }) => ttl !== -2);
  const tombstones = names.filter((name) => /\}gone:/.test(name));
  const ages = await Promise.all(tombstones.map((name) => command("PTTL", name)));
  const forever = ages.filter((ttl) => Number(ttl) === -1 || Number(ttl) > GRACE_MS).length;
  return [
    ...orphaned.map(
      ({ name, ttl }) => `${name} still has ${ttl} ms to live after everything has ended`,
    ),
    ...(forever > 0 ? [`${forever} tombstones outlive their grace period`] : []),
  ];
}
