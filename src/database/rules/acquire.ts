import { DatabaseError } from "../../errors.ts";
import {
  createProcessData,
  decodeInteger,
  firstFence,
  processHashOf,
  type LockData,
} from "../lock-record.ts";
import type { AcquireOutcome, AcquireRequest, Refusal, Suspect } from "../operations.ts";
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
  /** Suspects whose process is dead. */
  readonly dead: readonly Suspect[];
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
  const { own, refusal, tombstones, isEnded } = findings;
  const isOver = tombstones.has("refused") || (tombstones.has("granted") && own.length === 0);
  if (isOver || isEnded || refusal !== undefined) {
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

function look(store: RuleStore, { claims, suspects }: AcquireRequest): Findings {
  const own: { key: string; fence: number | undefined }[] = [];
  const dead: Suspect[] = [];
  const tombstones = new Set<string>();
  let refusal: Refusal | undefined;
  for (const { key, lockData } of claims) {
    const reason = store.get(tombstoneName(lockData.ownerHash));
    if (reason !== undefined) tombstones.add(reason);
    const found = find(store, key);
    if (found === undefined) continue;
    const suspect = suspects.find((one) => one.key === key);
    if (found.lockData?.ownerHash === lockData.ownerHash) {
      own.push({ key, fence: found.lockData.fence });
    } else if (suspect !== undefined && isDead(store, found.lockData, suspect)) {
      dead.push(suspect);
    } else {
      refusal ??= { status: "held", key, ...found };
    }
  }
  const isEnded = [...tombstones].some((reason) => reason !== "refused" && reason !== "granted");
  return { own, dead, refusal, tombstones, isEnded };
}

function isDead(
  store: RuleStore,
  holder: LockData | null,
  { ownerHash, processHash }: Suspect,
): boolean {
  const isNamed = holder?.ownerHash === ownerHash && holder.processHash === processHash;
  return isNamed && store.get(processName(processHash)) === undefined;
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
  { claims, ttlMs, livenessMs }: AcquireRequest,
  { own, dead }: Findings,
  settings: RuleSettings,
): AcquireOutcome {
  const fence = drawFence(store, settings);
  for (const { key, lockData } of claims) {
    const left = own.some((one) => one.key === key) ? store.remainingMs(lockName(key)) : null;
    const record = JSON.stringify({ ...lockData, fence });
    store.set(lockName(key), record, Math.max(left ?? 0, ttlMs));
  }
  saveProcess(store, processHashOf(claims), createProcessData(settings.now), livenessMs);
  rememberAll(store, claims, "granted", settings);
  for (const { ownerHash } of dead) remember(store, ownerHash, "taken", settings);
  return { status: "granted", fence, takenOver: dead[0]?.key };
}

function drawFence(store: RuleStore, { now, highestFence }: RuleSettings): number {
  const counted = (decodeInteger(store.get(FENCE) ?? "0") ?? Infinity) + 1;
  // An absent counter starts at the clock, and one that lags above what its client has seen.
  const least = Math.max(highestFence, counted <= 1 ? firstFence(now) : 0);
  const fence = Math.max(counted, least + 1);
  if (!Number.isSafeInteger(fence)) {
    const message = `The key "${FENCE}" holds something else than a counter below 2^53: remove it`;
    throw new DatabaseError(message, { applied: "no", retriable: false });
  }
  store.set(FENCE, String(fence), null);
  return fence;
}
