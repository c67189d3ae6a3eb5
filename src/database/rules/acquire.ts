import { DatabaseError } from "../../errors.ts";
import {
  createProcessData,
  decodeInteger,
  firstFence,
  processHashOf,
  type LockData,
} from "../lock-record.ts";
import type { AcquireOutcome, AcquireRequest, HandedOff, Refusal, Suspect } from "../operations.ts";
import {
  FENCE,
  rememberAll,
  find,
  remember,
  lockName,
  processName,
  saveProcess,
  tombstoneName,
  type RuleSettings,
  type RuleStore,
} from "./store.ts";

/** What an acquire finds at its keys. */
interface Findings {
  /** Claims whose owner hash is there already, with the fence it was given. */
  readonly own: readonly { readonly key: string; readonly fence: number | undefined }[];
  /** Holders to take over from: dead ones, or such as hand their lock off. */
  readonly taken: readonly Suspect[];
  readonly refusal: Refusal | undefined;
  /** What is remembered of the claims' owner hashes. */
  readonly tombstones: ReadonlySet<string>;
  /** Whether one of them has ended: only a grant or a refusal may be repeated. */
  readonly isEnded: boolean;
}

/** Grants all claims or none, and remembers which. */
export function acquireByRules(
  store: RuleStore,
  request: AcquireRequest,
  settings: RuleSettings,
): AcquireOutcome {
  const findings = look(store, request);
  const { own, taken, refusal, tombstones, isEnded } = findings;
  const isOver = tombstones.has("refused") || (tombstones.has("granted") && own.length === 0);
  const isShort = own.length + taken.length < request.claims.length;
  const isHandedOffNoMore = request.handedOff !== undefined && isShort;
  if (isOver || isEnded || isHandedOffNoMore || refusal !== undefined) {
    return refuse(store, request, findings, settings);
  }
  return own.length === request.claims.length
    ? grantAgain(store, request, findings, settings)
    : grant(store, request, findings, settings);
}

/** What it still has of several keys it keeps: its holder may believe in them. */
function refuse(
  store: RuleStore,
  { claims }: AcquireRequest,
  { refusal, isEnded }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
  if (refusal !== undefined && !isEnded) {
    rememberAll(store, claims, "refused", settings);
    return refusal;
  }
  for (const { lockData } of claims) {
    store.lengthen(tombstoneName(lockData.ownerHash), settings.graceMs);
  }
  return { status: "gone" };
}

function look(store: RuleStore, request: AcquireRequest): Findings {
  const own: { key: string; fence: number | undefined }[] = [];
  const taken: Suspect[] = [];
  const tombstones = new Set<string>();
  let refusal: Refusal | undefined;
  for (const { key, lockData } of request.claims) {
    const reason = store.get(tombstoneName(lockData.ownerHash));
    if (reason !== undefined) tombstones.add(reason);
    const found = find(store, key);
    if (found === undefined) continue;
    const holder = namedHolder(request, key);
    if (found.lockData?.ownerHash === lockData.ownerHash) {
      own.push({ key, fence: found.lockData.fence });
    } else if (holder !== undefined && givesWay(store, found.lockData, holder)) {
      taken.push(holder);
    } else {
      refusal ??= { status: "held", key, ...found };
    }
  }
  const isEnded = [...tombstones].some((reason) => reason !== "refused" && reason !== "granted");
  return { own, taken, refusal, tombstones, isEnded };
}

type Holder = Suspect & Partial<HandedOff>;

function namedHolder({ suspects, handedOff }: AcquireRequest, key: string): Holder | undefined {
  return (handedOff ?? suspects).find((one) => one.key === key);
}

/** Whether it is the holder named: dead or, under the fence of a hand-off, alive. */
function givesWay(
  store: RuleStore,
  holder: LockData | null,
  { ownerHash, processHash, fence }: Holder,
): boolean {
  const isNamed = holder?.ownerHash === ownerHash && holder.processHash === processHash;
  const isAlive = store.get(processName(processHash)) !== undefined;
  return isNamed && (fence === undefined ? !isAlive : isAlive && holder.fence === fence);
}

/** All claims are there under their owner hash: an earlier send of this request took them. */
function grantAgain(
  store: RuleStore,
  { claims, ttlMs, livenessMs }: AcquireRequest,
  { own }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
  const process = processName(processHashOf(claims));
  if (store.get(process) === undefined) {
    // Nobody may rely on it any more: it must not block the next owner hash.
    for (const { key } of own) store.delete(lockName(key));
    rememberAll(store, claims, "lost", settings);
    return { status: "lost" };
  }
  for (const { key } of own) store.lengthen(lockName(key), ttlMs);
  store.lengthen(process, livenessMs);
  rememberAll(store, claims, "granted", settings);
  return { status: "granted", fence: own.at(-1)?.fence, takenOver: undefined };
}

function grant(
  store: RuleStore,
  { claims, handedOff, ttlMs, livenessMs }: AcquireRequest,
  { own, taken }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
  const fence = drawFence(store, settings, handedOff);
  for (const { key, lockData } of claims) {
    const left = own.some((one) => one.key === key) ? store.remainingMs(lockName(key)) : null;
    const record = JSON.stringify({ ...lockData, fence });
    store.set(lockName(key), record, Math.max(left ?? 0, ttlMs));
  }
  saveProcess(store, processHashOf(claims), createProcessData(settings.now), livenessMs);
  rememberAll(store, claims, "granted", settings);
  for (const { ownerHash, processHash } of taken) {
    store.delete(processName(processHash));
    remember(store, ownerHash, "taken", settings);
  }
  const takenOver = handedOff === undefined ? taken[0]?.key : undefined;
  return { status: "granted", fence, takenOver };
}

function drawFence(
  store: RuleStore,
  { now, highestFence }: RuleSettings,
  handedOff: readonly HandedOff[] = [],
): number {
  const counted = (decodeInteger(store.get(FENCE) ?? "0") ?? Infinity) + 1;
  // An absent counter starts at the clock, and one that lags above what its client has seen.
  const seen = Math.max(highestFence, ...handedOff.map((holder) => holder.fence));
  const least = Math.max(seen, counted <= 1 ? firstFence(now) : 0);
  const fence = Math.max(counted, least + 1);
  if (!Number.isSafeInteger(fence)) {
    const message = `The key "${FENCE}" holds something else than a counter below 2^53: remove it`;
    throw new DatabaseError(message, { applied: "no", retriable: false });
  }
  store.set(FENCE, String(fence), null);
  return fence;
}
