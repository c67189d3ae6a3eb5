import { isLockError } from "../../src/index.ts";
import type { Lock, LockOptions } from "../../src/index.ts";
import { TIMEOUT_MS } from "./faults.ts";
import type { Rival } from "./rival.ts";
import type { Scene } from "./scene.ts";

/** What a client does with its lock while things go wrong. */
export interface LifeContext {
  readonly scene: Scene;
  readonly rival: Rival;
  /** From here on the case's fault hits this script, as often as the case or `always` says. */
  readonly strike: (script?: string, always?: boolean) => Promise<void>;
}

export const WAIT_MS = 1_000;
export const WORK_MS = 20;
/** Two sends and the pause between them. */
export const TWO_SENDS_MS = 2 * TIMEOUT_MS + 100;

/** Acquires and judges the answer; undefined when it was refused. */
export async function acquire(
  { scene, rival }: LifeContext,
  options: LockOptions & { readonly keys?: readonly string[]; readonly once?: boolean } = {},
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
  if (scene.isBound && scene.pledges.length === pledged) referee.report("no pledge was made");
  const isRefusal = "error" in outcome ? isRefused(outcome.error) : outcome.value === null;
  if (isRefusal) {
    if (!rival.mayHaveHeld(outcome.from, outcome.to) && !scene.isInterfered) {
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

/** Releases and judges the answer. */
export async function release({ scene }: LifeContext, lock: Lock): Promise<void> {
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
    if (!mayBeLost) referee.report("not owned, although nobody can have taken it");
  } else if (isLockError(outcome.error, "LOCK_RELEASE_UNKNOWN")) {
    await scene.expectFailure("release", outcome);
  } else {
    referee.report(`release threw ${String(outcome.error)}`);
  }
}

export async function works(
  context: LifeContext,
  lock: Lock | undefined,
): Promise<Lock | undefined> {
  if (lock !== undefined) await context.scene.work("victim", lock, WORK_MS);
  return lock;
}

export async function ends(context: LifeContext, lock: Lock | undefined): Promise<void> {
  if (lock === undefined) return;
  await context.scene.checkBelief(lock);
  await release(context, lock);
}

/** Acquires before anything goes wrong. Undefined when a busy machine made even that fail. */
export async function holds(
  context: LifeContext,
  options?: LockOptions,
): Promise<Lock | undefined> {
  return works(context, await acquire(context, options));
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
