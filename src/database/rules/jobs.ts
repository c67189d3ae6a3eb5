import { decodeResultRecord, notAResult, type ResultRecord } from "../result-record.ts";
import type {
  AdmitOutcome,
  AdmitRequest,
  CompleteRequest,
  Kept,
  ReleaseOutcome,
} from "../operations.ts";
import { acquireByRules } from "./acquire.ts";
import { releaseByRules } from "./release.ts";
import {
  find,
  lockName,
  processName,
  remember,
  resultName,
  tombstoneName,
  whereThereIsRoom,
  type RuleSettings,
  type RuleStore,
} from "./store.ts";

/** Acquires the lock of a job, unless its completion is remembered (O1). */
export function admitByRules(
  store: RuleStore,
  request: AdmitRequest,
  settings: RuleSettings,
): AdmitOutcome {
  const record = recallByRules(store, request.resultKey);
  if (record === null) return acquireByRules(store, request, settings);
  // A copy of the admission of a run that has ended leaves word of that.
  for (const { lockData } of request.claims) {
    const name = tombstoneName(lockData.ownerHash);
    store.lengthen(name, settings.graceMs);
    if (store.get(name) === undefined) remember(store, lockData.ownerHash, "refused", settings);
  }
  return { status: "remembered", record };
}

/**
 * Stores the result and releases the lock, if it is still held, alive, under this fence (O2). Storing
 * comes first; where there is no room for a result, a marker may fit once the lock is gone (O4).
 */
export function completeByRules(
  store: RuleStore,
  request: CompleteRequest,
  settings: RuleSettings,
): ReleaseOutcome {
  const { claims, fence, resultKey, record } = request;
  const isOwn = endUnlessAlive(store, request, settings);
  const stored = isOwn ? keep(store, request, record, settings) : undefined;
  const outcome = releaseByRules(store, { claims, fence }, settings);
  if (!isOwn) {
    const kept = keptBefore(store, resultKey, record.ownerHash);
    if (kept === undefined && outcome.status !== "released") return outcome;
    return { status: "released", lockData: null, kept: kept ?? "unknown" };
  }
  const { result: _, ...marker } = record;
  const kept = stored ?? keep(store, request, marker, settings) ?? "no";
  return { status: "released", lockData: null, kept };
}

/** Whether the lock is held under this owner hash and fence; ends it if its holder counts as dead. */
function endUnlessAlive(
  store: RuleStore,
  { claims, fence }: CompleteRequest,
  settings: RuleSettings,
): boolean {
  const [{ key, lockData }] = claims;
  const found = find(store, key)?.lockData;
  if (found?.ownerHash !== lockData.ownerHash || found.fence !== fence) return false;
  if (store.get(processName(lockData.processHash)) !== undefined) return true;
  // Another may have noticed, and be about to take over: the run does not count.
  store.delete(lockName(key));
  remember(store, lockData.ownerHash, "lost", settings);
  return false;
}

function keep(
  store: RuleStore,
  { resultKey, rememberMs }: CompleteRequest,
  record: ResultRecord,
  { graceMs }: RuleSettings,
): Kept | undefined {
  let kept: Kept | undefined;
  whereThereIsRoom(() => {
    store.set(resultName(resultKey), JSON.stringify(record), Math.max(rememberMs, graceMs));
    kept = record.result === undefined ? "marker" : "result";
  });
  return kept;
}

/** What an earlier send of the same completion has stored. */
function keptBefore(store: RuleStore, resultKey: string, ownerHash: string): Kept | undefined {
  const record = decodeResultRecord(store.get(resultName(resultKey)));
  if (record?.ownerHash !== ownerHash) return undefined;
  return record.result === undefined ? "marker" : "result";
}

/** What is remembered of a job. @throws DatabaseError when something else is stored there */
export function recallByRules(store: RuleStore, resultKey: string): ResultRecord | null {
  const text = store.get(resultName(resultKey));
  if (text === undefined || text === "") return null;
  const record = decodeResultRecord(text);
  if (record === null) throw notAResult(resultName(resultKey));
  return record;
}

/** Forgets the completion by one owner hash. */
export function forgetByRules(store: RuleStore, resultKey: string, ownerHash: string): boolean {
  if (recallByRules(store, resultKey)?.ownerHash !== ownerHash) return false;
  store.delete(resultName(resultKey));
  return true;
}
