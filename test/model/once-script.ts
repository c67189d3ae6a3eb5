import { isLockError } from "../../src/errors.ts";
import type { Lock } from "../../src/lock.ts";
import { LockService } from "../../src/lock-service.ts";
import type { OnceOptions } from "../../src/once/options.ts";
import type { OnceOutcome, Ran } from "../../src/once/once.ts";
import type { Belief } from "./beliefs.ts";
import { Violation, type Call } from "./ledger.ts";
import type { Run } from "./memories.ts";
import { Outcomes, RESEND_PAUSE_MS } from "./outcomes.ts";
import { MAX_RESULT_BYTES, MAX_TTL_MS, jobLock, type OnceAction } from "./plan.ts";
import type { Station, World } from "./world.ts";

/** For as long a run is renewed at most. */
const MAX_HOLD_MS = 2_000;

/** How much longer than its TTL a stalled holder works. */
const BEYOND_TTL = 1.4;

class WorkFailed extends Error {}

/** One job of an action, and the run of it, if there was one. */
interface Job {
  readonly name: string;
  readonly call: Call;
  readonly action: OnceAction;
  readonly abort: AbortSignal;
  belief?: Belief;
  run?: Run;
  /** The store kept others out when the work ended. */
  wasKept: boolean;
  endedAt: number;
}

/** Runs the jobs of a plan's actions once, and checks what each caller is told. */
export class OnceScript {
  readonly #world: World;
  readonly #station: Station;
  readonly #outcomes: Outcomes;
  readonly #service: LockService;

  constructor(world: World, station: Station) {
    this.#world = world;
    this.#station = station;
    this.#outcomes = new Outcomes(world);
    const { client, database } = station;
    const { runtime, waitUntil } = client;
    const service = new LockService({ database, runtime, waitUntil, maxTtl: MAX_TTL_MS });
    this.#service = client.plan.shared ? service.forRequest({}) : service;
  }

  async run(action: OnceAction): Promise<void> {
    const { client } = this.#station;
    const { abortMs, deadlineMs, ifRunning } = action;
    const abort = new AbortController();
    if (abortMs !== undefined) this.#world.time.after(abortMs, client, () => abort.abort());
    const deadline =
      deadlineMs === undefined ? undefined : new Date(client.runtime.now().wall + deadlineMs);
    const service = deadline === undefined ? this.#service : this.#service.forRequest({ deadline });
    const trace = `c${client.id}.${action.id}`;
    const options = { ...optionsOf(action, trace), signal: abort.signal };
    const jobs = action.jobs.map((name) => this.#open(name, trace, action, abort.signal));
    if (action.do === "onceEach" && ifRunning !== "join") {
      const outcomes = await service.onceEach(jobs, {
        ...options,
        ifRunning,
        key: ({ name }) => name,
        work: (job, lock) => this.#work(job, lock),
        fingerprint: undefined,
        ...(action.fingerprint !== undefined && { fingerprint: () => action.fingerprint ?? "" }),
      });
      for (const [index, outcome] of outcomes.entries()) {
        const job = jobs[index];
        if (job === undefined) throw new Violation(`${trace} has more outcomes than jobs`);
        if (outcome.status === "failed") this.#failed(job, outcome.error);
        else this.#told(job, outcome);
      }
      return;
    }
    await Promise.all(
      jobs.map(async (job) => {
        const { fingerprint, waitMs } = action;
        const once = { ...options, ifRunning, fingerprint, waitTimeout: waitMs };
        let outcome: OnceOutcome<string>;
        try {
          outcome = await service.once(job.name, (lock) => this.#work(job, lock), once);
        } catch (error) {
          this.#failed(job, error);
          return;
        }
        this.#told(job, outcome);
      }),
    );
  }

  #open(name: string, trace: string, action: OnceAction, abort: AbortSignal): Job {
    const { ledger } = this.#world;
    const key = jobLock(name);
    const id = action.do === "onceEach" ? `${trace}/${key}` : trace;
    const { fingerprint } = action;
    const call = ledger.open(id, this.#station.client, [key], { fingerprint });
    return { name, call, action, abort, wasKept: false, endedAt: 0 };
  }

  async #work(job: Job, lock: Lock): Promise<string> {
    const { beliefs, memories, time } = this.#world;
    const { call, name, action } = job;
    this.#inTime(job, "once", call.startedAt, this.#admissionBudget(action));
    const belief = beliefs.begin(call, lock);
    const run = memories.begin(call, name, lock.token);
    Object.assign(job, { belief, run });
    const isExcused = belief.tokens.every((token) => beliefs.isExcused(token, call));
    const memory = memories.at(name);
    if (memory !== undefined && !isExcused) {
      throw new Violation(`O2: ${call.trace} runs, although ${memory.ownerHash} has completed it`);
    }
    for (const step of action.steps) await this.#step(step, belief, action);
    job.wasKept = beliefs.isKept(belief);
    beliefs.end(belief);
    job.endedAt = time.now;
    if (action.end === "throw") {
      this.#world.hit("failedRun");
      run.state = "failed";
      throw new WorkFailed();
    }
    const isTooMuch = action.end === "returnTooMuch";
    if (isTooMuch) this.#world.hit("tooLarge");
    const result = `result of ${call.trace} ${isTooMuch ? "x".repeat(MAX_RESULT_BYTES) : ""}`;
    run.state = "returned";
    run.text = isTooMuch ? undefined : JSON.stringify(result);
    return result;
  }

  async #step(
    step: OnceAction["steps"][number],
    belief: Belief,
    { stepMs, ttl }: OnceAction,
  ): Promise<void> {
    const { client } = this.#station;
    const sleep = (ms: number): Promise<void> => client.runtime.sleep(ms);
    await sleep(stepMs);
    switch (step) {
      case "work":
        return;
      case "write":
        this.#world.check(() => this.#world.beliefs.write(belief));
        return;
      case "isHeld":
        // The database may not answer.
        await belief.lock.isHeld().catch(() => false);
        return;
      case "stall":
        this.#world.hit("stalledRun");
        belief.lock.stopAutoRenew();
        return sleep(ttl * BEYOND_TTL);
      case "freeze":
        this.#world.hit("frozenRun");
        client.pause(ttl * BEYOND_TTL, false);
        return sleep(1);
      case "crash":
        this.#world.hit("crashedRun");
        client.kill();
        return sleep(1);
    }
  }

  /** A call resolved. */
  #told(job: Job, outcome: OnceOutcome<string>): void {
    const { call, name } = job;
    switch (outcome.status) {
      case "ran":
        return this.#ran(job, outcome);
      case "remembered":
        if (!call.remembered) throw new Violation(`${call.trace} reports what it was not told`);
        this.#outcomes.recalled(name, outcome);
        this.#world.memories.recalled += 1;
        break;
      case "running":
        this.#outcomes.refused(call);
        break;
    }
    if (job.run !== undefined) throw new Violation(`${call.trace} ran, and is ${outcome.status}`);
    if (call.isOtherInput)
      throw new Violation(`O6: ${call.trace} was told of a job with other input`);
    this.#ended(job);
  }

  #ran(job: Job, { result, remembered }: Ran<string>): void {
    const { call, belief, run, wasKept } = job;
    if (belief === undefined || run?.state !== "returned") {
      throw new Violation(`${call.trace} is told to have run, but did not return`);
    }
    this.#completedInTime(job);
    this.#outcomes.concluded(belief, undefined, wasKept);
    const { trace } = call;
    if (!result.startsWith(`result of ${trace} `)) throw new Violation(`${trace} got ${result}`);
    const [token] = belief.tokens;
    const told = token?.keptTold ?? "unknown";
    if (remembered !== told) {
      throw new Violation(`O4: ${trace} says ${remembered}, and was told ${told}`);
    }
    if (told !== "unknown" && told !== run.kept) {
      throw new Violation(`O4: ${trace} says ${remembered}, and the store kept ${run.kept}`);
    }
    if (token?.releaseConfirmed) this.#outcomes.released(call, belief.tokens);
  }

  /** A call rejected, or failed as an item of a batch. */
  #failed(job: Job, error: unknown): void {
    if (error instanceof Violation) throw error;
    const { call, belief, run, wasKept, abort } = job;
    if (belief === undefined || run === undefined) {
      if (isLockError(error, "LOCK_FINGERPRINT")) {
        if (!call.isOtherInput) throw new Violation(`O6: ${call.trace} was told of no other input`);
      } else {
        this.#outcomes.notAcquired(call, error, abort);
      }
      this.#ended(job);
      return;
    }
    this.#completedInTime(job);
    if (run.state === "failed") {
      if (!(error instanceof WorkFailed)) throw error;
      const { tokens } = belief;
      if (tokens.every(({ releaseConfirmed }) => releaseConfirmed)) {
        this.#outcomes.released(call, tokens);
      } else if (tokens.every(({ releaseSends }) => releaseSends === 0)) {
        throw new Violation(`O3: ${call.trace} failed, and did not release`);
      }
      return;
    }
    this.#outcomes.concluded(belief, error, wasKept);
    const { result } = error as { readonly result?: unknown };
    if (!String(result).startsWith(`result of ${call.trace} `)) {
      throw new Violation(`${call.trace} lost its lock, and its result`);
    }
  }

  /** It ended without running. */
  #ended(job: Job): void {
    const { call, action } = job;
    this.#inTime(job, "once", call.startedAt, this.#admissionBudget(action));
    this.#outcomes.failed(call);
  }

  #completedInTime(job: Job): void {
    const budgetMs = 2 * this.#world.plan.requestTimeout + RESEND_PAUSE_MS;
    this.#inTime(job, "completion", job.endedAt, budgetMs);
  }

  /** The items of a batch wait for each other. */
  #inTime({ call, action }: Job, what: string, since: number, budgetMs: number): void {
    if (action.do === "once") this.#outcomes.ended(call, what, since, budgetMs);
  }

  #admissionBudget({ waitMs = 0 }: OnceAction): number {
    return waitMs + this.#world.plan.requestTimeout;
  }
}

function optionsOf(
  { ttl, renew, rememberMs }: OnceAction,
  trace: string,
): Pick<OnceOptions<string>, "ttl" | "trace" | "autoRenew" | "remember" | "maxResultBytes"> {
  return {
    ttl,
    trace,
    autoRenew: renew ? { maxHold: MAX_HOLD_MS } : false,
    remember: rememberMs,
    maxResultBytes: MAX_RESULT_BYTES,
  };
}
