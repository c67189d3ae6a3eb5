import { Redis } from "@upstash/redis";
import { systemRuntime } from "../../src/index.ts";
import { transportOf } from "../support/database-clients.ts";
import { WIRE_FAULTS, WIRE_TIMES } from "./faults.ts";
import type { ScenarioContext } from "./judge.ts";
import { SCENARIOS } from "./scenarios.ts";
import { INTERFERENCE_SCENARIOS } from "./interference.ts";
import { Competitor } from "./competitor.ts";
import { GRACE_MS, LONGEST_TTL_MS, Scene, TTL_MS } from "./scene.ts";
import type { Wire } from "./wire.ts";

/** A scenario, and the network fault it runs under. */
export interface WireCase {
  readonly scenario: string;
  readonly fault: string;
  readonly times: string;
  readonly setup: string;
}

export interface CaseResult {
  /** Prefixed with the name of their case. */
  readonly violations: readonly string[];
  /** Requests hit by the fault. */
  readonly hits: number;
  readonly acquisitions: number;
}

const ALL_SCENARIOS = { ...SCENARIOS, ...INTERFERENCE_SCENARIOS };

/** How users configure the client, and whether the service is bound to a request. */
const OWN_CLIENT = "custom client";
const SETUPS: readonly string[] = ["bound", "unbound", OWN_CLIENT];

/** How long background cleanup of a case may take: a TTL, should its replies be lost. */
const CLEAN_UP_MS = 2 * TTL_MS + 10_000;

/** A process stalled for this long may have given up its releases: the TTL must do their work. */
const STALL_MS = TTL_MS / 2;

/** How often to try a case whose fault hits no request. */
const MAX_ATTEMPTS = 3;

/** Every scenario under every fault, cycling through how often it hits and the client's setup. */
export function coveringCases(): WireCase[] {
  const times = Object.keys(WIRE_TIMES);
  return Object.keys(ALL_SCENARIOS).flatMap((scenario, row) =>
    Object.keys(WIRE_FAULTS).map((fault, column) => ({
      scenario,
      fault,
      times: times[(row + column) % times.length] ?? "",
      setup: SETUPS[(row + Math.floor(column / times.length)) % SETUPS.length] ?? "",
    })),
  );
}

/** A random case. `random` returns numbers in [0, 1). */
export function randomCase(random: () => number): WireCase {
  const oneOf = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? "";
  return {
    scenario: oneOf(Object.keys(ALL_SCENARIOS)),
    fault: oneOf(Object.keys(WIRE_FAULTS)),
    times: oneOf(Object.keys(WIRE_TIMES)),
    setup: oneOf(SETUPS),
  };
}

export interface CaseTools {
  readonly openWire: () => Promise<Wire> | Wire;
  /** How long this process was stalled, in total. */
  readonly clock: () => { readonly lostMs: number };
}

/** Runs one scenario under one fault, and judges it: every result, mutual exclusion, and what is left behind. */
export async function runCase(one: WireCase, { openWire, clock }: CaseTools): Promise<CaseResult> {
  const [wire, calm] = [await openWire(), await openWire()];
  const prefix = `{${crypto.randomUUID()}}`;
  const redis = one.setup === OWN_CLIENT ? ownClient(wire) : transportOf(wire);
  const isBound = one.setup !== "unbound";
  const scene = new Scene({ wire, redis, prefix, isBound, clock });
  const competitor = new Competitor(scene, clientWithoutTimeout(calm));
  const { lostMs } = clock();
  const scenario = ALL_SCENARIOS[one.scenario];
  if (scenario === undefined) throw new Error(`unknown scenario: ${one.scenario}`);
  competitor.start();
  try {
    await scenario({ scene, competitor, injectFault: faultInjector(wire, one) });
  } catch (error) {
    scene.referee.report(`the case threw ${String(error)}`);
  }
  await wire.clearFaults();
  await competitor.stop();
  await wire.settled();
  const hits = Object.values(await wire.hits()).reduce((sum, count) => sum + count, 0);
  const mustExpire = (): boolean => clock().lostMs - lostMs > STALL_MS;
  const flaws = [...(await scene.resourceFlaws()), ...(await leftovers(scene, mustExpire))];
  await Promise.all([wire.close(), calm.close()]);
  const { acquisitions, referee } = scene;
  const name = `${one.scenario}, ${one.fault}, ${one.times}, ${one.setup}`;
  const violations = [...referee.violations, ...flaws].map((what) => `${name}: ${what}`);
  return { violations, hits, acquisitions };
}

/** Runs a case until its fault hits: a client that never gets the lock may not send the request it is for. */
export async function runUntilHit(one: WireCase, tools: CaseTools): Promise<CaseResult> {
  const violations: string[] = [];
  let [hits, acquisitions] = [0, 0];
  for (let attempts = 0; hits === 0 && attempts < MAX_ATTEMPTS; attempts += 1) {
    const judged = await runCase(one, tools);
    violations.push(...judged.violations);
    hits = judged.hits;
    acquisitions += judged.acquisitions;
  }
  return { violations, hits, acquisitions };
}

function faultInjector(wire: Wire, { fault, times }: WireCase): ScenarioContext["injectFault"] {
  const limit = WIRE_TIMES[times];
  const plain = WIRE_FAULTS[fault];
  if (plain === undefined) throw new Error(`unknown fault: ${fault}`);
  return (script, always = false) =>
    wire.addFault({
      ...plain,
      ...(script === undefined ? { probability: 0.5 } : { script }),
      ...(always || limit === undefined ? {} : { times: limit }),
    });
}

/**
 * Waits for background work to end. Then only the fence counter and tombstones may be left: not even
 * keys that would soon have expired by themselves, unless expiry is all that was left to rely on.
 */
async function leftovers(scene: Scene, mustExpire: () => boolean): Promise<string[]> {
  const limit = performance.now() + CLEAN_UP_MS;
  const background = { isSettled: false };
  void Promise.all(scene.pledges).then(() => (background.isSettled = true));
  // A send in flight has a sleep as its timeout.
  while (!background.isSettled || scene.pendingSleeps() > 0) {
    if (performance.now() > limit)
      return [`background work does not end: ${scene.pendingSleeps()} sleeps`];
    await systemRuntime.sleep(15);
  }
  await scene.wire.settled();
  let { names, flaws } = await keysLeft(scene);
  if (flaws.length > 0 && mustExpire()) {
    await systemRuntime.sleep(LONGEST_TTL_MS);
    ({ names, flaws } = await keysLeft(scene));
  }
  if (names.length > 0) await scene.wire.command("DEL", ...names);
  return flaws;
}

async function keysLeft({ wire, prefix }: Scene): Promise<{ names: string[]; flaws: string[] }> {
  const names = (await wire.command("KEYS", `${prefix}*`)) as string[];
  const flaws: string[] = [];
  for (const name of names) {
    const short = name.slice(prefix.length);
    if (short === "fence") continue;
    const ttl = Number(await wire.command("PTTL", name));
    const isTombstone = short.startsWith("gone:") && ttl <= GRACE_MS;
    if (ttl === -1 || (ttl >= 0 && !isTombstone))
      flaws.push(`${short} is left with a TTL of ${ttl} ms`);
  }
  return { names, flaws };
}

/** As in the package's documentation, except for its retries: it batches and parses. */
function ownClient({ url, token }: Wire): Redis {
  return new Redis({ url, token, enableTelemetry: false, retry: { retries: 1 } });
}

/** Never times out. */
function clientWithoutTimeout({ url, token }: Wire): Redis {
  return new Redis({ url, token, enableTelemetry: false, retry: { retries: 0 } });
}
