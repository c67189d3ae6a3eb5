import type { RestFront } from "../../dev/rest/front.ts";
import type { RestSession } from "../../dev/rest/session.ts";
import { LockService, RedisDatabase, systemRuntime, type Lock } from "../../src/index.ts";
import { Chance } from "../model/chance.ts";
import { countingRuntime } from "../support/counting-runtime.ts";
import { transportOf } from "../support/database-clients.ts";
import { TIMEOUT_MS, WIRE_FAULTS } from "./faults.ts";
import { judgeJob, type Call, type Run, type Told } from "./jobs-judge.ts";
import type { DirectConnection } from "./local-wire.ts";
import { believes } from "./referee.ts";

/** The scripts of a job, all of which faults hit. */
export const JOB_SCRIPTS: readonly string[] = ["admit", "renew", "complete", "release"];

const KEYS: readonly string[] = ["a", "b", "c"];
const CALLERS = 5;
const TTL_MS = 1_500;
/** How likely one of all faults hits a request. */
const FAULTED = 0.27;
const FAILING = 0.3;
const LARGE = 0.1;
const EXPIRING = 0.06;
const MAX_RESULT_BYTES = 100;
/** For a busy machine. */
const SLACK_MS = 15_000;
const CALM_TIMEOUT_MS = 20_000;

export interface JobsReport {
  readonly violations: string[];
  /** Requests hit, by "script: fault". */
  readonly hits: Map<string, number>;
  /** Requests sent on wires with faults. */
  readonly requests: number;
  readonly runs: readonly Run[];
  readonly told: readonly Told[];
}

/**
 * Three jobs of one seed, called at the same time by several who have a faulty wire each, and then by one
 * alone. When the faults are over each job must be able to complete, or have completed.
 */
export async function runJobs(
  seed: number,
  { front, direct }: { readonly front: RestFront; readonly direct: DirectConnection },
): Promise<JobsReport> {
  const scene = new JobsScene(seed, front, direct);
  const callers = Array.from({ length: CALLERS }, (_, at) => `caller ${at}`);
  await Promise.all(callers.map((name) => scene.call(name)));
  await scene.settle();
  await scene.call("a lone caller", { isAlone: true });
  await scene.settle();
  await scene.call("a calm caller", { isAlone: true, isCalm: true });
  return scene.conclude();
}

class JobsScene {
  readonly #seed: number;
  readonly #prefix = `{${crypto.randomUUID()}}`;
  readonly #front: RestFront;
  readonly #direct: DirectConnection;
  readonly #counting = countingRuntime();
  readonly #sessions: RestSession[] = [];
  readonly #pledges: Promise<unknown>[] = [];
  readonly #hits = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #calls: Call[] = [];
  readonly #runs: Run[] = [];
  readonly #working = new Map<Run, Lock>();

  constructor(seed: number, front: RestFront, direct: DirectConnection) {
    this.#seed = seed;
    this.#front = front;
    this.#direct = direct;
  }

  /** One caller, who wants one of the jobs done, or all of them in a batch. */
  async call(
    name: string,
    { isAlone = false, isCalm = false }: { isAlone?: boolean; isCalm?: boolean } = {},
  ): Promise<void> {
    const chance = new Chance(this.#seed, name);
    const session = this.#front.openSession();
    this.#sessions.push(session);
    const hitsOf = isCalm ? () => 0 : this.#injectFaults(session, chance);
    await systemRuntime.sleep(isAlone ? 0 : chance.between(0, 150));
    const isBatch = isAlone || chance.happens(0.3);
    const ifRunning = isBatch
      ? "skip"
      : chance.pick<Call["ifRunning"]>(["skip", "join", "join", "throw"]);
    const from = performance.now();
    const cut = !isCalm && chance.happens(0.15) ? chance.between(1, 100) : undefined;
    if (cut !== undefined) void systemRuntime.sleep(cut).then(() => session.disconnect());
    const keys = isBatch ? KEYS : [chance.pick(["a", "b", "c"])];
    const told = await this.#ask(this.#service(session, chance, isCalm), {
      name,
      keys,
      ifRunning,
      isCalm,
    });
    const call = { name, ifRunning, isAlone, isCalm };
    const mayFail = cut !== undefined || hitsOf() > 0 || performance.now() - from >= TIMEOUT_MS - 2;
    this.#calls.push(
      ...told.map((one, at) => ({ ...call, key: keys[at] ?? "", told: one, mayFail })),
    );
  }

  #service(session: RestSession, chance: Chance, isCalm: boolean): LockService {
    const { runtime } = this.#counting;
    const database = new RedisDatabase(transportOf(session), {
      prefix: this.#prefix,
      runtime,
      requestTimeout: isCalm ? CALM_TIMEOUT_MS : TIMEOUT_MS,
    });
    const waitUntil = (promise: Promise<unknown>): void => void this.#pledges.push(promise);
    return new LockService({
      database,
      runtime,
      // The calm caller is to succeed, however long a busy machine keeps its renewals waiting.
      defaultTtl: isCalm ? 2 * CALM_TIMEOUT_MS : TTL_MS,
      autoRenew: { intervalFraction: 0.15 },
      retry: { initialDelay: 20, maxDelay: 80 },
      ...(chance.happens(0.5) ? { waitUntil } : {}),
    });
  }

  async #ask(
    service: LockService,
    ask: {
      name: string;
      keys: readonly string[];
      ifRunning: Call["ifRunning"];
      isCalm: boolean;
    },
  ): Promise<readonly Told[]> {
    const { name, keys, ifRunning, isCalm } = ask;
    const work = (key: string, lock: Lock): Promise<string> => this.#work(name, key, lock, isCalm);
    const common = { maxResultBytes: MAX_RESULT_BYTES };
    const [key = ""] = keys;
    if (keys.length > 1) {
      return service.onceEach(keys, { key: (item) => item, work, ...common });
    }
    const waiting = ifRunning === "join" ? { waitTimeout: 4_000 } : {};
    const once = service.once(key, (lock) => work(key, lock), { ifRunning, ...waiting, ...common });
    return [await once.catch((error: unknown) => ({ status: "failed" as const, error }))];
  }

  /** One run, some of which fail, outlast their TTL, or return more than is kept. */
  async #work(caller: string, key: string, lock: Lock, isCalm: boolean): Promise<string> {
    const chance = new Chance(this.#seed, caller, key);
    for (const [other, held] of this.#working) {
      if (other.key !== key || other.isExpired || !believes(held)) continue;
      this.#violations.push(`${caller} runs ${key} while ${other.caller} believes to run it`);
    }
    const { token: ownerHash, fence = 0 } = lock;
    const size = chance.happens(LARGE) ? MAX_RESULT_BYTES : 0;
    const result = `${caller}/${key}/${fence}${"x".repeat(size)}`;
    const isExpired = !isCalm && chance.happens(EXPIRING);
    const run: Run = {
      error: undefined,
      caller,
      key,
      ownerHash,
      fence,
      result,
      isLarge: size > 0,
      isExpired,
    };
    this.#runs.push(run);
    this.#working.set(run, lock);
    await systemRuntime.sleep(
      chance.happens(0.2) ? chance.between(300, 700) : chance.between(0, 40),
    );
    if (isExpired) await this.#direct.command("DEL", `${this.#prefix}lock:once:${key}`);
    this.#working.delete(run);
    if (isCalm || !chance.happens(FAILING)) return result;
    run.error = new Error("declined");
    throw run.error;
  }

  /** Faults for each script by itself; returns how many requests they have hit. */
  #injectFaults(session: RestSession, chance: Chance): () => number {
    let count = 0;
    const probability = 1 - (1 - FAULTED) ** (1 / Object.keys(WIRE_FAULTS).length);
    for (const script of JOB_SCRIPTS) {
      for (const [fault, spec] of Object.entries(WIRE_FAULTS)) {
        const name = `${script}: ${fault}`;
        const random = (): number => {
          const drawn = chance.next();
          if (drawn >= probability) return drawn;
          count += 1;
          this.#hits.set(name, (this.#hits.get(name) ?? 0) + 1);
          return drawn;
        };
        session.faults.add({ ...spec, script, probability, random });
      }
    }
    return () => count;
  }

  /** Waits until whatever goes on in the background has ended, and no job is locked. */
  async settle(): Promise<void> {
    const limit = performance.now() + SLACK_MS;
    const state = { isSettled: false };
    void Promise.all(this.#pledges).then(() => (state.isSettled = true));
    for (;;) {
      await Promise.all(this.#sessions.map((session) => session.settled()));
      const locks = (await this.#direct.command("KEYS", `${this.#prefix}lock:*`)) as string[];
      const sleeps = this.#counting.pending();
      if (state.isSettled && sleeps === 0 && locks.length === 0) return;
      if (performance.now() > limit) {
        const left = `${sleeps} sleeps, ${locks.join(" ")}`;
        this.#violations.push(`wedged: after ${SLACK_MS} ms there are left: ${left}`);
        return;
      }
      await systemRuntime.sleep(20);
    }
  }

  async conclude(): Promise<JobsReport> {
    await this.settle();
    for (const key of KEYS) {
      const text = await this.#direct.command("GET", `${this.#prefix}done:${key}`);
      const runs = this.#runs.filter((run) => run.key === key);
      const calls = this.#calls.filter((call) => call.key === key);
      this.#violations.push(...judgeJob({ text, runs, calls }));
    }
    await this.#cleanUp();
    for (const session of this.#sessions) session.close();
    return {
      violations: this.#violations.map((what) => `seed ${this.#seed}: ${what}`),
      hits: this.#hits,
      requests: this.#sessions.reduce((sum, { counters }) => sum + counters.requests, 0),
      runs: this.#runs,
      told: this.#calls.map(({ told }) => told),
    };
  }

  async #cleanUp(): Promise<void> {
    const names = (await this.#direct.command("KEYS", `${this.#prefix}*`)) as string[];
    const left = names.filter(
      (name) => !/^(?:fence|gone:|done:)/.test(name.slice(this.#prefix.length)),
    );
    if (left.length > 0) this.#violations.push(`left behind: ${left.join(" ")}`);
    await this.#direct.command("DEL", ...names);
  }
}
