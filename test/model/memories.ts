import type { Kept } from "../../src/database/operations.ts";
import type { Call } from "./ledger.ts";

/** One run of a job. */
export interface Run {
  readonly job: string;
  readonly call: Call;
  state: "running" | "returned" | "failed";
  /** What it returned, as text; undefined when that cannot be kept. */
  text: string | undefined;
  /** What the store kept of its completion; undefined while it has not completed. */
  kept: Kept | undefined;
}

interface Memory {
  readonly ownerHash: string;
  /** Until when it must be remembered, in true time. */
  readonly until: number;
}

/** What the runs of all jobs have done, and which completions must be remembered. */
export class Memories {
  readonly #now: () => number;
  /** By owner hash. */
  readonly #runs = new Map<string, Run>();
  /** By job. */
  readonly #memories = new Map<string, Memory>();
  /** Completions that took effect. */
  completions = 0;
  /** Calls that were told of a completion. */
  recalled = 0;
  /** Jobs that were admitted because their completion was no longer remembered. */
  expired = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get runs(): number {
    return this.#runs.size;
  }

  run(ownerHash: string): Run | undefined {
    return this.#runs.get(ownerHash);
  }

  begin(call: Call, job: string, ownerHash: string): Run {
    const run: Run = { job, call, state: "running", text: undefined, kept: undefined };
    this.#runs.set(ownerHash, run);
    return run;
  }

  /** The completion of a job that must be remembered now. */
  at(job: string): Memory | undefined {
    const memory = this.#memories.get(job);
    return memory !== undefined && memory.until > this.#now() ? memory : undefined;
  }

  completed(run: Run, ownerHash: string, kept: Kept, ms: number): void {
    this.completions += 1;
    run.kept = kept;
    if (kept !== "no") this.#memories.set(run.job, { ownerHash, until: this.#now() + ms });
  }

  admitted(job: string): void {
    if (this.#memories.delete(job)) this.expired += 1;
  }

  /** It was forgotten on request, or the store has lost it. */
  forget(job: string): void {
    this.#memories.delete(job);
  }

  forgetAll(): void {
    this.#memories.clear();
  }

  /** Whether a run of this job returned this text, and has completed with it; undefined: with none. */
  isResult(job: string, text: string | undefined): boolean {
    const kept = text === undefined ? "marker" : "result";
    return [...this.#runs.values()].some(
      (run) => run.job === job && run.kept === kept && (text === undefined || run.text === text),
    );
  }
}
