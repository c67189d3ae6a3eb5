import { Locker, isLockError } from "../../src/index.ts";
import type { Lock, LockData } from "../../src/index.ts";
import { TIMEOUT_MS } from "./faults.ts";
import { acquire, acquireAndWork, release, type ScenarioContext } from "./judge.ts";
import { LONGEST_TTL_MS } from "./scene.ts";

/** Inspect and force-delete, each sent twice, for a record or for garbage. */
const SIX_SENDS_MS = 6 * TIMEOUT_MS;

/** Holds a lock that is no longer stored. */
async function holdsEvicted(context: ScenarioContext): Promise<Lock | undefined> {
  const { scene } = context;
  const lock = await acquireAndWork(context);
  if (lock === undefined) return undefined;
  scene.isInterfered = true;
  await scene.wire.command("DEL", `${scene.prefix}lock:${scene.key}`);
  return lock;
}

/** A holder gets correct results even when its lock is taken away. */
async function evicted(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await holdsEvicted(context);
  if (lock === undefined) return;
  await context.injectFault("renew");
  const outcome = await scene.call("isHeld", SIX_SENDS_MS, () => lock.isHeld());
  if ("error" in outcome) await scene.expectFailure("isHeld", outcome);
  else if (outcome.value) scene.referee.report("isHeld is true for an evicted lock");
  await release(context, lock);
}

async function releaseEvicted(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await holdsEvicted(context);
  if (lock === undefined) return;
  await context.injectFault("release");
  scene.referee.leave("victim");
  const outcome = await scene.call("release", SIX_SENDS_MS, () => lock.release());
  if (!("error" in outcome)) scene.referee.report("released a lock that had been evicted");
  else if (!isLockError(outcome.error, "LOCK_NOT_OWNED")) {
    await scene.expectFailure("release", outcome);
  }
}

/** As fences count. */
const HOUR_US = 3_600_000_000;

/** The counter is lost, and was started anew by a client whose clock is an hour behind. */
async function countsAgain(context: ScenarioContext): Promise<void> {
  const { scene, competitor } = context;
  await competitor.stop();
  const before = await acquireAndWork(context);
  if (before === undefined) return;
  await release(context, before);
  const behind = (before.fence ?? 0) - HOUR_US;
  await scene.wire.command("SET", `${scene.prefix}fence`, behind);
  await context.injectFault("acquire");
  // The referee sees that its fence is higher.
  const lock = await acquireAndWork(context);
  if (lock !== undefined) await release(context, lock);
}

/** Keys expire by the clock of the server: set forward, each has less time left. */
async function serverClockForward(context: ScenarioContext): Promise<void> {
  const { scene, competitor } = context;
  const lock = await acquireAndWork(context);
  if (lock === undefined) return;
  scene.isInterfered = true;
  await competitor.stop();
  const names = (await scene.wire.command("KEYS", `${scene.prefix}*`)) as string[];
  for (const name of names) {
    const leftMs = Number(await scene.wire.command("PTTL", name));
    if (leftMs >= 0) await scene.wire.command("PEXPIRE", name, leftMs - LONGEST_TTL_MS);
  }
  await context.injectFault("renew");
  // The first that looks finds the key free, and has a higher fence.
  await competitor.holdOnce(5);
  const outcome = await scene.call("isHeld", SIX_SENDS_MS, () => lock.isHeld());
  if ("error" in outcome) await scene.expectFailure("isHeld", outcome);
  else if (outcome.value) scene.referee.report("isHeld is true for a lock that has expired early");
  await release(context, lock);
}

/** The client with the faults is the operator. */
async function forced(context: ScenarioContext, script: string): Promise<void> {
  const { scene, competitor } = context;
  await competitor.stop();
  const lock = await competitor.locks.acquire(scene.key);
  scene.referee.enter("holder", lock);
  await scene.work("holder", lock, 5);
  scene.isInterfered = true;
  await context.injectFault(script);
  const outcome = await scene.call("forceRelease", SIX_SENDS_MS, () =>
    scene.locks.forceRelease(scene.key),
  );
  const isStored = await scene.isStored(lock);
  if ("error" in outcome) {
    await scene.expectFailure("forceRelease", outcome);
  } else {
    if (!outcome.value) scene.referee.report("forceRelease reports that nothing was held");
    if (isStored) scene.referee.report("force-released, but still stored");
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
  // A request without an answer may still be in flight.
  const mayBeGone = isGone || "error" in outcome;
  await lock.release().catch((error: unknown) => {
    if (!isLockError(error, "LOCK_NOT_OWNED") || !mayBeGone) {
      scene.referee.report(`the evicted holder's release threw ${String(error)}`);
    }
  });
}

async function inspects(context: ScenarioContext): Promise<void> {
  const { scene, competitor } = context;
  await competitor.stop();
  const lock = await competitor.locks.acquire(scene.key);
  await context.injectFault("inspect");
  const outcome = await scene.call("inspect", SIX_SENDS_MS, () => scene.locks.inspect(scene.key));
  if ("error" in outcome) await scene.expectFailure("inspect", outcome);
  else if (outcome.value?.holder !== lock.token || !outcome.value.alive) {
    scene.referee.report(`inspect returned ${JSON.stringify(outcome.value)}`);
  }
  await lock.release();
}

/** The holder died: its record remains for a minute, its liveness is gone. */
async function takesOver(context: ScenarioContext): Promise<void> {
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
  // A refusal may name the dead holder.
  scene.isInterfered = true;
  await context.injectFault("acquire");
  const lock = await acquire(context);
  if (lock !== undefined) {
    scene.isInterfered = false;
    await scene.checkBelief(lock);
    await scene.work("victim", lock, 5);
    await release(context, lock);
  }
  await scene.wire.clearFaults();
  // The next client must not have to wait for the dead holder.
  if ((await scene.stored())?.ownerHash === record.ownerHash) await context.competitor.holdOnce(0);
  if ((await scene.stored())?.ownerHash === record.ownerHash) {
    scene.referee.report("a dead holder still blocks the key");
  }
}

async function job(context: ScenarioContext): Promise<void> {
  const { scene, competitor } = context;
  const { referee, database, runtime, key } = scene;
  const locker = new Locker({ database, runtime, lockTtlMs: 10_000, lockExtendMs: 2_000 });
  let runs = 0;
  await context.injectFault();
  scene.acquisitions += 1;
  const outcome = await scene.call("acquireAndRun", SIX_SENDS_MS, () =>
    locker.acquireAndRun(key, async (heartbeater, ownerHash) => {
      runs += 1;
      await heartbeater.heartbeat();
      if ((await scene.stored())?.ownerHash !== ownerHash) {
        referee.report("a job runs without its lock being stored");
      }
      return "result";
    }),
  );
  if ("error" in outcome) {
    await scene.expectFailure("acquireAndRun", outcome);
  } else if (outcome.value.status === "SUCCESS") {
    if (runs !== 1 || outcome.value.result !== "result")
      referee.report("a result, although the work did not run");
  } else {
    if (runs > 0) referee.report("a job ran under another client's lock");
    if (!competitor.mayHaveHeld(outcome.from, outcome.to)) {
      referee.report("refused, although nobody else held the lock");
    }
  }
  await scene.wire.clearFaults();
}

/** Scenarios in which others interfere, or that are about another's lock. */
export const INTERFERENCE_SCENARIOS: Readonly<
  Record<string, (context: ScenarioContext) => Promise<void>>
> = {
  "calls isHeld after an eviction": evicted,
  "releases after an eviction": releaseEvicted,
  "acquires from a counter that was started anew far behind": countsAgain,
  "holds a lock while the server's clock is set forward": serverClockForward,
  "force-releases with a faulty inspection": (context) => forced(context, "inspect"),
  "force-releases with a faulty deletion": (context) => forced(context, "force-delete"),
  "inspects a lock": inspects,
  "takes over from a dead holder": takesOver,
  "runs a job": job,
};
