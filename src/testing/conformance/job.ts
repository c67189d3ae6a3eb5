import type { ResultRecord } from "../../database/result-record.ts";
import {
  jobOperations,
  type AdmitOutcome,
  type CompleteRequest,
  type JobOutcome,
  type Kept,
  type ReleaseOutcome,
} from "../../database/operations.ts";
import { TTL_MS, type Owner, type Scene } from "./scene.ts";
import type { StoredName } from "./raw-storage.ts";
import { has, same } from "./verify.ts";

/** How long completions are remembered where a case does not say. */
export const REMEMBER_MS = 600_000;

/** One run of a job: an owner of the lock "once:job", and what it stores as it completes. */
export class Run {
  readonly owner: Owner;
  readonly done: StoredName;
  readonly #scene: Scene;
  readonly #key: string;
  readonly #input: { readonly fingerprint?: string };

  constructor(scene: Scene, key = "job", fingerprint?: string) {
    this.#scene = scene;
    this.#key = key;
    this.#input = fingerprint === undefined ? {} : { fingerprint };
    this.owner = scene.owner(`once:${key}`, this.#input);
    this.done = `done:${key}`;
  }

  get record(): ResultRecord {
    const { ownerHash, fence } = this.owner;
    const completedAt = "2020-01-01T00:00:00.000Z";
    const base = { ownerHash, ...(fence === undefined ? {} : { fence }), completedAt };
    return { ...base, ...this.#input, result: '"text"' };
  }

  async admit(ttlMs: number = TTL_MS): Promise<JobOutcome<AdmitOutcome>> {
    const [outcome] = await admitAll(this.#scene, [this], ttlMs);
    return outcome as JobOutcome<AdmitOutcome>;
  }

  /** Fails unless it gets the lock. */
  async isAdmitted(): Promise<void> {
    same((await this.admit()).status, "granted", `admission of ${this.#key}`);
  }

  /** Fails unless the completion by `run` is remembered. */
  async finds(run: Run, record: ResultRecord = run.record): Promise<void> {
    same(await this.admit(), { status: "remembered", record }, `admission of ${this.#key}`);
  }

  request(rememberMs: number = REMEMBER_MS): CompleteRequest {
    const { claims, fence } = this.owner;
    return { claims: [claims[0]], fence, resultKey: this.#key, record: this.record, rememberMs };
  }

  async complete(rememberMs?: number): Promise<JobOutcome<ReleaseOutcome>> {
    const request = this.request(rememberMs);
    const [outcome] = await jobOperations(this.#scene.database).complete([request]);
    return outcome as JobOutcome<ReleaseOutcome>;
  }

  /** Fails unless it completes, and this is kept of it. */
  async completes(kept: Kept = "result", rememberMs?: number): Promise<void> {
    const outcome = await this.complete(rememberMs);
    same(outcome, { status: "released", lockData: null, kept }, `completion of ${this.#key}`);
  }

  /** Fails if it completes. */
  async isRefused(status: "missing" | "held"): Promise<void> {
    has(await this.complete(), { status }, `completion of ${this.#key}`);
  }
}

/** Admits several in one command. */
export async function admitAll(
  scene: Scene,
  runs: readonly Run[],
  ttlMs: number = TTL_MS,
): Promise<readonly JobOutcome<AdmitOutcome>[]> {
  const requests = runs.map((run) => {
    const { claims, resultKey } = run.request();
    return { claims, resultKey, ttlMs, livenessMs: ttlMs, suspects: [] };
  });
  const outcomes = await jobOperations(scene.database).admit(requests);
  for (const [at, outcome] of outcomes.entries()) {
    const owner = runs[at]?.owner;
    if (owner !== undefined && outcome.status === "granted") owner.fence = outcome.fence;
  }
  return outcomes;
}
