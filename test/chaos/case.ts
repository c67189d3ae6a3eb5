import { Redis } from "@upstash/redis";
import { systemRuntime } from "../../src/index.ts";
import { redisFromEnv } from "../../src/upstash/index.ts";
import { WIRE_FAULTS, WIRE_TIMES } from "./faults.ts";
import type { LifeContext } from "./judge.ts";
import { LIVES } from "./lives.ts";
import { MEDDLED_LIVES } from "./meddling.ts";
import { Rival } from "./rival.ts";
import { GRACE_MS, LONGEST_TTL_MS, Scene, TTL_MS } from "./scene.ts";
import type { Wire } from "./wire.ts";

/** One thing that is done, and what goes wrong with it on the wire. */
export interface WireCase {
  readonly life: string;
  readonly fault: string;
  readonly times: string;
  readonly setup: string;
}

export interface CaseResult {
  /** Named by their case. */
  readonly violations: readonly string[];
  /** Requests that were hit. */
  readonly hits: number;
  readonly acquisitions: number;
}

const ALL_LIVES = { ...LIVES, ...MEDDLED_LIVES };

/** The clients people make, and what they tell the service of their request. */
const OWN_CLIENT = "client of its own";
const SETUPS: readonly string[] = ["bound", "unbound", OWN_CLIENT];

/** How long the background may take to end what a case began: a TTL, should its answers be lost. */
const CLEAN_UP_MS = 2 * TTL_MS + 10_000;

/** A process that could not run for so long may have given up its releases: the TTL must do then. */
const STALL_MS = TTL_MS / 2;

/** How often a case is lived that does not meet its fault. */
const MOST_LIVES = 3;

/** Every life under every fault; how often it strikes and who is hit goes round. */
export function coveringCases(): WireCase[] {
  const times = Object.keys(WIRE_TIMES);
  return Object.keys(ALL_LIVES).flatMap((life, row) =>
    Object.keys(WIRE_FAULTS).map((fault, column) => ({
      life,
      fault,
      times: times[(row + column) % times.length] ?? "",
      setup: SETUPS[(row + Math.floor(column / times.length)) % SETUPS.length] ?? "",
    })),
  );
}

/** One of all cases there are. `random` gives numbers in [0, 1). */
export function randomCase(random: () => number): WireCase {
  const oneOf = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? "";
  return {
    life: oneOf(Object.keys(ALL_LIVES)),
    fault: oneOf(Object.keys(WIRE_FAULTS)),
    times: oneOf(Object.keys(WIRE_TIMES)),
    setup: oneOf(SETUPS),
  };
}

export interface CaseTools {
  readonly openWire: () => Promise<Wire> | Wire;
  /** How long this process could not run, in all. */
  readonly clock: () => { readonly lostMs: number };
}

/** Lives one life under one fault, and judges it: what was told, who held, what is left. */
export async function runCase(one: WireCase, { openWire, clock }: CaseTools): Promise<CaseResult> {
  const [wire, calm] = [await openWire(), await openWire()];
  const prefix = `{${crypto.randomUUID()}}`;
  const redis = one.setup === OWN_CLIENT ? ownClient(wire) : plainClient(wire);
  const isBound = one.setup !== "unbound";
  const scene = new Scene({ wire, redis, prefix, isBound, clock });
  const rival = new Rival(scene, patientClient(calm));
  const { lostMs } = clock();
  const life = ALL_LIVES[one.life];
  if (life === undefined) throw new Error(`no life ${one.life}`);
  rival.start();
  try {
    await life({ scene, rival, strike: striker(wire, one) });
  } catch (error) {
    scene.referee.report(`the case broke: ${String(error)}`);
  }
  await wire.clearFaults();
  await rival.stop();
  await wire.settled();
  const hits = Object.values(await wire.hits()).reduce((sum, count) => sum + count, 0);
  const mustExpire = (): boolean => clock().lostMs - lostMs > STALL_MS;
  const flaws = [...(await scene.resourceFlaws()), ...(await leftovers(scene, mustExpire))];
  await Promise.all([wire.close(), calm.close()]);
  const { acquisitions, referee } = scene;
  const name = `${one.life}, ${one.fault}, ${one.times}, ${one.setup}`;
  const violations = [...referee.violations, ...flaws].map((what) => `${name}: ${what}`);
  return { violations, hits, acquisitions };
}

/** Lives a case until its fault was met: whom the rival refuses may never send what it is for. */
export async function liveUntilHit(one: WireCase, tools: CaseTools): Promise<CaseResult> {
  const violations: string[] = [];
  let [hits, acquisitions] = [0, 0];
  for (let lives = 0; hits === 0 && lives < MOST_LIVES; lives += 1) {
    const judged = await runCase(one, tools);
    violations.push(...judged.violations);
    hits = judged.hits;
    acquisitions += judged.acquisitions;
  }
  return { violations, hits, acquisitions };
}

function striker(wire: Wire, { fault, times }: WireCase): LifeContext["strike"] {
  const limit = WIRE_TIMES[times];
  const plain = WIRE_FAULTS[fault];
  if (plain === undefined) throw new Error(`no fault ${fault}`);
  return (script, always = false) =>
    wire.addFault({
      ...plain,
      ...(script === undefined ? { probability: 0.5 } : { script }),
      ...(always || limit === undefined ? {} : { times: limit }),
    });
}

/**
 * Waits for the background to end. Then nothing of ours may be left but the fence and tombstones: not
 * even what would soon have expired by itself, unless it must.
 */
async function leftovers(scene: Scene, mustExpire: () => boolean): Promise<string[]> {
  const limit = performance.now() + CLEAN_UP_MS;
  const background = { isSettled: false };
  void Promise.all(scene.pledges).then(() => (background.isSettled = true));
  // A send under way has a sleep as its timeout.
  while (!background.isSettled || scene.pendingSleeps() > 0) {
    if (performance.now() > limit)
      return [`the background goes on: ${scene.pendingSleeps()} sleeps`];
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
    if (ttl === -1 || (ttl >= 0 && !isTombstone)) flaws.push(`${short} is left for ${ttl} ms`);
  }
  return { names, flaws };
}

function plainClient({ url, token }: Wire): Redis {
  return redisFromEnv({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token });
}

/** As the package's documentation has it, but for its own re-sending: it batches and parses. */
function ownClient({ url, token }: Wire): Redis {
  return new Redis({ url, token, enableTelemetry: false, retry: { retries: 1 } });
}

/** Without a limit in time. */
function patientClient({ url, token }: Wire): Redis {
  return new Redis({ url, token, enableTelemetry: false, retry: { retries: 0 } });
}
