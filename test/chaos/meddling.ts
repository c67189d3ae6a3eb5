import { Locker, isLockError } from "../../src/index.ts";
import type { Lock, LockData } from "../../src/index.ts";
import { TIMEOUT_MS } from "./faults.ts";
import { acquire, holds, release, type LifeContext } from "./judge.ts";

/** Inspect and force-delete, each twice, of a record or of garbage. */
const SIX_SENDS_MS = 6 * TIMEOUT_MS;

/** Holds a lock that is no longer stored. */
async function holdsEvicted(context: LifeContext): Promise<Lock | undefined> {
  const { scene } = context;
  const lock = await holds(context);
  if (lock === undefined) return undefined;
  scene.isInterfered = true;
  await scene.wire.command("DEL", `${scene.prefix}lock:${scene.key}`);
  return lock;
}

/** Whoever holds a lock is told the truth also when others take it from him. */
async function evicted(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holdsEvicted(context);
  if (lock === undefined) return;
  await context.strike("renew");
  const outcome = await scene.call("isHeld", SIX_SENDS_MS, () => lock.isHeld());
  if ("error" in outcome) await scene.expectFailure("isHeld", outcome);
  else if (outcome.value) scene.referee.report("isHeld says true of a lock that was evicted");
  await release(context, lock);
}

async function releaseEvicted(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holdsEvicted(context);
  if (lock === undefined) return;
  await context.strike("release");
  scene.referee.leave("victim");
  const outcome = await scene.call("release", SIX_SENDS_MS, () => lock.release());
  if (!("error" in outcome)) scene.referee.report("released what had been evicted");
  else if (!isLockError(outcome.error, "LOCK_NOT_OWNED")) {
    await scene.expectFailure("release", outcome);
  }
}

/** The one with trouble on the wire is the operator. */
async function forced(context: LifeContext, script: string): Promise<void> {
  const { scene, rival } = context;
  await rival.stop();
  const lock = await rival.locks.acquire(scene.key);
  scene.referee.enter("holder", lock);
  await scene.work("holder", lock, 5);
  scene.isInterfered = true;
  await context.strike(script);
  const outcome = await scene.call("forceRelease", SIX_SENDS_MS, () =>
    scene.locks.forceRelease(scene.key),
  );
  const isStored = await scene.isStored(lock);
  if ("error" in outcome) {
    await scene.expectFailure("forceRelease", outcome);
  } else {
    if (!outcome.value) scene.referee.report("forceRelease says that nothing was held");
    if (isStored) scene.referee.report("forced, but still stored");
  }
  await scene.wire.clearFaults();
  await scene.wire.settled();
  const wasGone = !(await scene.isStored(lock));
  const isHeld = await lock.isHeld();
  const isGone = !(await scene.isStored(lock));
  if (isHeld === isGone && isGone === wasGone) {
    scene.referee.report("isHeld is wrong after forceRelease");
  }
  scene.referee.leave("holder");
  // What had no answer may be on its way still.
  const mayBeGone = isGone || "error" in outcome;
  await lock.release().catch((error: unknown) => {
    if (!isLockError(error, "LOCK_NOT_OWNED") || !mayBeGone) {
      scene.referee.report(`the forced holder's release threw ${String(error)}`);
    }
  });
}

async function inspects(context: LifeContext): Promise<void> {
  const { scene, rival } = context;
  await rival.stop();
  const lock = await rival.locks.acquire(scene.key);
  await context.strike("inspect");
  const outcome = await scene.call("inspect", SIX_SENDS_MS, () => scene.locks.inspect(scene.key));
  if ("error" in outcome) await scene.expectFailure("inspect", outcome);
  else if (outcome.value?.holder !== lock.token || !outcome.value.alive) {
    scene.referee.report(`inspect sees ${JSON.stringify(outcome.value)}`);
  }
  await lock.release();
}

/** The holder died: its record is there for a minute, its process is not. */
async function takesOver(context: LifeContext): Promise<void> {
  const { scene } = context;
  const record: LockData = {
    ownerHash: `${scene.key}@dead/1.1.0`,
    processHash: "dead/1.1",
    acquiredAt: "",
    extendedAt: "",
    fence: 1,
    livenessMs: TIMEOUT_MS,
  };
  const name = `${scene.prefix}lock:${scene.key}`;
  await scene.wire.command("SET", name, JSON.stringify(record), "NX", "PX", 60_000);
  // A refusal may name the dead.
  scene.isInterfered = true;
  await context.strike("acquire");
  const lock = await acquire(context);
  if (lock !== undefined) {
    scene.isInterfered = false;
    await scene.checkBelief(lock);
    await scene.work("victim", lock, 5);
    await release(context, lock);
  }
  await scene.wire.clearFaults();
  // Whoever comes next need not wait for the dead.
  if ((await scene.stored())?.ownerHash === record.ownerHash) await context.rival.holdOnce(0);
  if ((await scene.stored())?.ownerHash === record.ownerHash) {
    scene.referee.report("a dead holder still stands in the way");
  }
}

async function job(context: LifeContext): Promise<void> {
  const { scene, rival } = context;
  const { referee, database, runtime, key } = scene;
  const locker = new Locker({ database, runtime, lockTtlMs: 10_000, lockExtendMs: 2_000 });
  let runs = 0;
  await context.strike();
  scene.acquisitions += 1;
  const outcome = await scene.call("acquireAndRun", SIX_SENDS_MS, () =>
    locker.acquireAndRun(key, async (heartbeater, ownerHash) => {
      runs += 1;
      await heartbeater.heartbeat();
      if ((await scene.stored())?.ownerHash !== ownerHash) {
        referee.report("a job runs whose lock is not stored");
      }
      return "result";
    }),
  );
  if ("error" in outcome) {
    await scene.expectFailure("acquireAndRun", outcome);
  } else if (outcome.value.status === "SUCCESS") {
    if (runs !== 1 || outcome.value.result !== "result") referee.report("a result without work");
  } else {
    if (runs > 0) referee.report("a job ran under another's lock");
    if (!rival.mayHaveHeld(outcome.from, outcome.to)) {
      referee.report("refused, although nobody else held the lock");
    }
  }
  await scene.wire.clearFaults();
}

/** Lives in which others meddle, or of which others are the subject. */
export const MEDDLED_LIVES: Readonly<Record<string, (context: LifeContext) => Promise<void>>> = {
  "asks after an eviction": evicted,
  "releases after an eviction": releaseEvicted,
  "is forced, inspection in trouble": (context) => forced(context, "inspect"),
  "is forced, deletion in trouble": (context) => forced(context, "force-delete"),
  "is inspected": inspects,
  "takes over from the dead": takesOver,
  "runs a job": job,
};
