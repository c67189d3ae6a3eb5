import { isLockError } from "../../src/index.ts";
import type { Lock, AcquireOptions } from "../../src/index.ts";
import { TIMEOUT_MS } from "./faults.ts";
import type { Competitor } from "./competitor.ts";
import type { Scene } from "./scene.ts";

/** What a scenario works with. */
export interface ScenarioContext {
  readonly scene: Scene;
  readonly competitor: Competitor;
  /** From now on the case's fault hits this script, as often as the case or `always` says. */
  readonly injectFault: (script?: string, always?: boolean) => Promise<void>;
}

export const WAIT_MS = 1_000;
export const WORK_MS = 20;
/** Two sends and the pause between them. */
export const TWO_SENDS_MS = 2 * TIMEOUT_MS + 100;

/** Acquires and judges the outcome; undefined when it was refused. */
export async function acquire(
  { scene, competitor }: ScenarioContext,
  options: AcquireOptions & { readonly keys?: readonly string[]; readonly once?: boolean } = {},
): Promise<Lock | undefined> {
  const { keys = [scene.key], once = false, ...rest } = options;
  const { referee, locks } = scene;
  const budgetMs = (once ? 0 : WAIT_MS) + TIMEOUT_MS;
  const waiting = { waitTimeout: WAIT_MS, ...rest };
  scene.acquisitions += 1;
  const pledged = scene.pledges.length;
  const outcome = await scene.call("acquire", budgetMs, () =>
    once ? locks.tryAcquire(keys, rest) : locks.acquire(keys, waiting),
  );
  if (scene.isBound && scene.pledges.length === pledged) referee.report("waitUntil was not called");
  const isRefusal = "error" in outcome ? isRefused(outcome.error) : outcome.value === null;
  if (isRefusal) {
    if (!competitor.mayHaveHeld(outcome.from, outcome.to) && !scene.isInterfered) {
      referee.report("refused, although nobody else held the lock");
    }
    return undefined;
  }
  if ("error" in outcome) {
    if (isAborted(outcome.error) && rest.signal?.aborted) return undefined;
    await scene.expectFailure("acquire", outcome);
    return undefined;
  }
  const lock = outcome.value;
  if (lock === null) return undefined;
  referee.enter("victim", lock, scene.isInterfered);
  await scene.checkBelief(lock);
  return lock;
}

/** Releases and judges the outcome. */
export async function release({ scene }: ScenarioContext, lock: Lock): Promise<void> {
  const { referee } = scene;
  const heldMs = Date.now() - lock.acquiredAt.getTime();
  referee.leave("victim");
  const outcome = await scene.call("release", TWO_SENDS_MS, () => lock.release());
  const isStored = await scene.isStored(lock);
  if (!("error" in outcome)) {
    if (isStored) referee.report("released, but still stored");
  } else if (isLockError(outcome.error, "LOCK_NOT_OWNED")) {
    const mayBeLost = scene.isInterfered || heldMs + outcome.to - outcome.from > lock.ttl * 0.9;
    if (isStored) referee.report("not owned, but still stored");
    if (!mayBeLost) referee.report("not owned, although nobody can have taken the lock");
  } else if (isLockError(outcome.error, "LOCK_RELEASE_UNKNOWN")) {
    await scene.expectFailure("release", outcome);
  } else {
    referee.report(`release threw ${String(outcome.error)}`);
  }
}

export async function workIfHeld(
  context: ScenarioContext,
  lock: Lock | undefined,
): Promise<Lock | undefined> {
  if (lock !== undefined) await context.scene.work("victim", lock, WORK_MS);
  return lock;
}

export async function finish(context: ScenarioContext, lock: Lock | undefined): Promise<void> {
  if (lock === undefined) return;
  await context.scene.checkBelief(lock);
  await release(context, lock);
}

/** Acquires before any fault. Undefined when a busy machine made even that fail. */
export async function acquireAndWork(
  context: ScenarioContext,
  options?: AcquireOptions,
): Promise<Lock | undefined> {
  return workIfHeld(context, await acquire(context, options));
}

export function isRefused(error: unknown): boolean {
  return hasReason(error, "held") || hasReason(error, "timeout");
}

function isAborted(error: unknown): boolean {
  return hasReason(error, "aborted");
}

function hasReason(error: unknown, reason: string): boolean {
  return isLockError(error, "LOCK_ACQUISITION") && "reason" in error && error.reason === reason;
}
