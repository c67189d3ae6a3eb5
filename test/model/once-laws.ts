import { isDeepStrictEqual } from "node:util";
import type {
  AdmitOutcome,
  AdmitRequest,
  Claim,
  CompleteRequest,
  JobOutcome,
  Kept,
  ReleaseOutcome,
} from "../../src/database/operations.ts";
import type { ResultRecord } from "../../src/database/result-record.ts";
import type { Client } from "./client.ts";
import { fail, othersUntouched, tokensOf, type Before } from "./evidence.ts";
import type { GrantLaws } from "./grant-laws.ts";
import type { Ledger } from "./ledger.ts";
import type { Memories } from "./memories.ts";
import { GRACE_MS } from "./plan.ts";
import type { ReleaseLaws } from "./release-laws.ts";
import type { StoredResult, StoreView } from "./store-view.ts";

/** What the commands of jobs may do to the store, and what they must return (O1 to O4). */
export class OnceLaws {
  readonly #view: StoreView;
  readonly #ledger: Ledger;
  readonly #memories: Memories;
  readonly #grants: GrantLaws;
  readonly #releases: ReleaseLaws;

  constructor(
    view: StoreView,
    ledger: Ledger,
    memories: Memories,
    grants: GrantLaws,
    releases: ReleaseLaws,
  ) {
    this.#view = view;
    this.#ledger = ledger;
    this.#memories = memories;
    this.#grants = grants;
    this.#releases = releases;
  }

  admitted(
    client: Client,
    requests: readonly AdmitRequest[],
    before: Before,
    outcomes: readonly JobOutcome<AdmitOutcome>[] | undefined,
  ): void {
    this.#onlyOwn(requests, before);
    for (const [index, request] of requests.entries()) {
      const outcome = outcomes?.[index];
      const own = onlyOf(before, request.claims);
      this.#sameResult(request.resultKey, before, "an admission");
      if (before.results.get(request.resultKey) === undefined) {
        this.#mayRun(client, request, own, outcome);
      } else {
        this.#remembered(request, own, outcome);
      }
    }
  }

  #mayRun(
    client: Client,
    request: AdmitRequest,
    before: Before,
    outcome: JobOutcome<AdmitOutcome> | undefined,
  ): void {
    const { resultKey: job } = request;
    if (outcome?.status === "remembered") return fail(`O1: ${job} was remembered of nothing`);
    if (outcome?.status === "granted") {
      const memory = this.#memories.at(job);
      if (memory) return fail(`O2: ${job} is run again, although ${memory.ownerHash} completed it`);
    }
    const isNew = this.#grants.granted;
    this.#grants.acquired(
      client,
      request,
      before,
      outcome?.status === "failed" ? undefined : outcome,
    );
    if (this.#grants.granted > isNew) this.#memories.admitted(job);
  }

  /** A completed job is recognized, whatever else is stored, and however full the store is. */
  #remembered(
    { claims, resultKey: job }: AdmitRequest,
    before: Before,
    outcome: JobOutcome<AdmitOutcome> | undefined,
  ): void {
    if (outcome?.status !== "remembered") {
      return fail(`O1: ${job} was ${outcome?.status ?? "refused"}, although it has completed`);
    }
    if (!isDeepStrictEqual(outcome.record, before.results.get(job)?.record)) {
      fail(`O1: ${job} was remembered as ${JSON.stringify(outcome.record)}`);
    }
    othersUntouched(this.#view, before, []);
    if (this.#view.at(claims[0].key) !== undefined && !before.locks.get(claims[0].key)) {
      fail(`O1: an admission that was not granted left ${claims[0].lockData.ownerHash}`);
    }
    for (const token of tokensOf(this.#ledger, claims)) {
      this.#ledger.bury(token);
    }
  }

  completed(
    requests: readonly CompleteRequest[],
    before: Before,
    outcomes: readonly JobOutcome<ReleaseOutcome>[] | undefined,
  ): void {
    this.#onlyOwn(requests, before);
    for (const [index, request] of requests.entries()) {
      const outcome = outcomes?.[index];
      if (outcome === undefined || outcome.status === "failed") {
        return fail("O4: a completion that arrived was refused");
      }
      const { claims, fence } = request;
      const [{ key, lockData }] = claims;
      const found = before.locks.get(key)?.record;
      const isOwn = found?.ownerHash === lockData.ownerHash && found.fence === fence;
      const isAlive = (before.livenessMs.get(lockData.processHash) ?? 0) > 0;
      if (isOwn && isAlive) this.#kept(request, before, outcome, index === 0);
      else this.#tooLate(request, before, outcome);
      this.#releases.released(request, onlyOf(before, claims), outcome, isAlive);
    }
  }

  /** It still held its lock: the result is stored, or what there is room for. */
  #kept(
    { claims, record, resultKey: job, rememberMs }: CompleteRequest,
    before: Before,
    outcome: ReleaseOutcome,
    isFirst: boolean,
  ): void {
    const { ownerHash } = claims[0].lockData;
    const run = this.#memories.run(ownerHash);
    if (run?.state !== "returned") return fail(`O3: ${ownerHash} completed, but did not return`);
    if (record.ownerHash !== ownerHash || record.result !== run.text) {
      fail(`O2: ${ownerHash} returned ${run.text}, and stored ${record.result}`);
    }
    if (outcome.status !== "released") return fail(`O2: a completion was ${outcome.status}`);
    const after = this.#view.result(job);
    const kept = keptOf(after, ownerHash);
    if (outcome.kept !== kept) fail(`O4: ${kept} was kept, and ${outcome.kept} told`);
    if (kept !== this.#expected(record, before, isFirst))
      fail(`O4: ${kept} was kept of ${record.result}`);
    const ms = Math.max(rememberMs, GRACE_MS);
    if (kept !== "no") {
      const { result: _, ...marker } = record;
      if (!isDeepStrictEqual(after?.record, kept === "result" ? record : marker)) {
        fail(`O2: ${ownerHash} stored ${after?.text}`);
      }
      if (after === undefined || after.remainingMs !== ms)
        fail(`O2: ${job} is not remembered for ${ms}`);
    }
    this.#memories.completed(run, ownerHash, kept, ms);
  }

  /**
   * A full store has no room for a result, and for a marker only once the lock is gone. Behind the first
   * job of a command, a store that yields has room for everything.
   */
  #expected({ result }: ResultRecord, { isFull }: Before, isFirst: boolean): Kept {
    const { yields } = this.#view.store;
    if (isFull && !yields) return "no";
    return result === undefined || (isFull && isFirst) ? "marker" : "result";
  }

  /** It had lost its lock, or has completed before: it stores nothing. */
  #tooLate(
    { claims, resultKey: job }: CompleteRequest,
    before: Before,
    outcome: ReleaseOutcome,
  ): void {
    this.#sameResult(job, before, "O2: a run that had lost its lock");
    const [{ lockData }] = claims;
    const kept = keptOf(before.results.get(job), lockData.ownerHash);
    if (outcome.status === "released") {
      const told = kept === "no" ? "unknown" : kept;
      if (outcome.kept !== told)
        fail(`O2: sent again, a completion told ${outcome.kept}, not ${told}`);
    } else if (kept !== "no") {
      fail(`O2: sent again, a completion was ${outcome.status}`);
    }
  }

  recalled(job: string, before: Before, outcome: ResultRecord | null | undefined): void {
    if (outcome === undefined) return;
    this.#sameResult(job, before, "a look");
    if (!isDeepStrictEqual(outcome, before.results.get(job)?.record ?? null)) {
      fail(`recall was wrong about ${job}`);
    }
  }

  forgotten(job: string, ownerHash: string, before: Before, isDone: boolean | undefined): void {
    const found = before.results.get(job);
    const isIt = found?.record.ownerHash === ownerHash;
    if (isDone !== isIt) fail(`O3: forgetting ${ownerHash} was ${isDone}`);
    if (!isIt) return this.#sameResult(job, before, "O3: forgetting another completion");
    if (this.#view.result(job) !== undefined) fail(`O3: ${ownerHash} is still remembered`);
    this.#memories.forget(job);
  }

  #sameResult(job: string, before: Before, what: string): void {
    const [found, after] = [before.results.get(job), this.#view.result(job)];
    if (found?.text !== after?.text || found?.remainingMs !== after?.remainingMs) {
      fail(`${what} changed what is remembered of ${job}`);
    }
  }

  /** No lock but those of its jobs, and no other result, is touched. */
  #onlyOwn(requests: readonly (AdmitRequest | CompleteRequest)[], before: Before): void {
    const own = requests.flatMap(({ claims }) => claims);
    const keys = own.map(({ key }) => key);
    othersUntouched(this.#view, before, [], keys);
    const jobs = new Set(requests.map(({ resultKey }) => resultKey));
    for (const job of before.results.keys()) {
      if (!jobs.has(job)) this.#sameResult(job, before, "another job");
    }
  }
}

function keptOf(stored: StoredResult | undefined, ownerHash: string): Kept {
  if (stored?.record.ownerHash !== ownerHash) return "no";
  return stored.record.result === undefined ? "marker" : "result";
}

/** Of the locks, those of these claims. */
function onlyOf(before: Before, claims: readonly Claim[]): Before {
  const locks = new Map(claims.map(({ key }) => [key, before.locks.get(key)]));
  return { ...before, locks };
}
