import { isLockError, systemRuntime } from "../../src/index.ts";
import {
  TWO_SENDS_MS,
  WAIT_MS,
  WORK_MS,
  acquire,
  ends,
  holds,
  isRefused,
  release,
  works,
  type LifeContext,
} from "./judge.ts";
import { TIMEOUT_MS } from "./faults.ts";
import { believes } from "./referee.ts";
import { LONGEST_TTL_MS, TTL_MS } from "./scene.ts";

async function withLock(context: LifeContext, script: string): Promise<void> {
  const { scene, rival } = context;
  const { referee, key, locks } = scene;
  let runs = 0;
  let lost = false;
  await context.strike(script);
  scene.acquisitions += 1;
  const budgetMs = WAIT_MS + TIMEOUT_MS + TWO_SENDS_MS + WORK_MS;
  const outcome = await scene.call("withLock", budgetMs, () =>
    locks.withLock(
      key,
      async (lock) => {
        runs += 1;
        referee.enter("victim", lock);
        await works(context, lock);
        lost = !believes(lock);
        // From here on the callback has nothing more to say about it.
        referee.leave("victim");
        return "result";
      },
      { waitTimeout: WAIT_MS },
    ),
  );
  if (runs > 1) referee.report("the work was done twice");
  if (!("error" in outcome)) {
    if (runs !== 1 || outcome.value !== "result") referee.report("a result without work");
    return;
  }
  const { error } = outcome;
  if (isLockError(error, "LOCK_LOST")) {
    const isSlow = outcome.to - outcome.from > TTL_MS * 0.9;
    if (runs !== 1 || !(lost || isSlow)) referee.report("lost, although nobody can have taken it");
  } else if (runs > 0) {
    referee.report(`the work was done, but withLock threw ${String(error)}`);
  } else if (!isRefused(error)) {
    await scene.expectFailure("withLock", outcome);
  } else if (!rival.mayHaveHeld(outcome.from, outcome.to)) {
    referee.report("refused, although nobody else held the lock");
  }
}

async function extend(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holds(context);
  if (lock === undefined) return;
  await context.strike("renew");
  const ttl = LONGEST_TTL_MS;
  const outcome = await scene.call("extend", TWO_SENDS_MS, () => lock.extend(ttl));
  if ("error" in outcome) {
    await scene.expectFailure("extend", outcome);
  } else {
    const pttl = Number(await scene.wire.command("PTTL", `${scene.prefix}lock:${scene.key}`));
    const passed = performance.now() - outcome.from;
    // Redis counts whole milliseconds.
    if (pttl < ttl - passed - 5 && passed < TTL_MS) {
      scene.referee.report(`extended to ${ttl} ms, but only ${pttl} ms are left`);
    }
  }
  await ends(context, lock);
}

async function isHeldLife(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holds(context);
  if (lock === undefined) return;
  await context.strike("renew");
  const outcome = await scene.call("isHeld", TWO_SENDS_MS, () => lock.isHeld());
  const isStored = await scene.isStored(lock);
  const isOld = Date.now() - lock.acquiredAt.getTime() > TTL_MS * 0.9;
  if ("error" in outcome) await scene.expectFailure("isHeld", outcome);
  else if (outcome.value !== isStored && !isOld) {
    scene.referee.report(`isHeld says ${outcome.value}, but it is ${isStored}`);
  }
  await ends(context, lock);
}

/** Holds a short lock beyond its TTL, or loses it, and must know at any time which of the two. */
async function renewal(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holds(context, { ttl: 1_000, autoRenew: { intervalFraction: 0.2 } });
  if (lock === undefined) return;
  await context.strike("renew");
  for (let passed = 0; passed < 1_200; passed += 150) {
    await systemRuntime.sleep(150);
    await scene.checkBelief(lock);
  }
  if (believes(lock)) await works(context, lock);
  await ends(context, lock);
}

/** Is renewed for a while, and then hears nothing more, or nothing good. */
async function cutOff(context: LifeContext): Promise<void> {
  const { scene } = context;
  const lock = await holds(context, { ttl: 700, autoRenew: { intervalFraction: 0.3 } });
  if (lock === undefined) return;
  await systemRuntime.sleep(350);
  await context.strike("renew", true);
  for (let passed = 0; passed < 1_300 && believes(lock); passed += 40) {
    await systemRuntime.sleep(40);
    await scene.checkBelief(lock);
  }
  await ends(context, lock);
}

async function abort(context: LifeContext): Promise<void> {
  const controller = new AbortController();
  await context.strike("acquire");
  const acquiring = acquire(context, { signal: controller.signal });
  await systemRuntime.sleep(30);
  controller.abort();
  await ends(context, await works(context, await acquiring));
}

/** Lives in which nobody but Redis and the wire meddles. */
export const LIVES: Readonly<Record<string, (context: LifeContext) => Promise<void>>> = {
  "asks once": async (context) => {
    await context.strike("acquire");
    await ends(context, await works(context, await acquire(context, { once: true })));
  },
  waits: async (context) => {
    const held = context.rival.holdOnce(120);
    await context.strike("acquire");
    await ends(context, await works(context, await acquire(context)));
    await held;
  },
  "takes two keys": async (context) => {
    const { key } = context.scene;
    await context.strike("acquire");
    const lock = await acquire(context, { keys: [`first-${key}`, key] });
    await ends(context, await works(context, lock));
  },
  "takes it through withLock": (context) => withLock(context, "acquire"),
  "gives it back through withLock": (context) => withLock(context, "release"),
  releases: async (context) => {
    const lock = await holds(context);
    await context.strike("release");
    await ends(context, lock);
  },
  "releases twice at once": async (context) => {
    const lock = await holds(context);
    if (lock === undefined) return;
    await context.strike("release");
    await Promise.all([release(context, lock), release(context, lock)]);
  },
  extends: extend,
  "asks whether it is held": isHeldLife,
  renews: renewal,
  "renews, until it is cut off": cutOff,
  "gives up waiting": abort,
  "has trouble all the time": async (context) => {
    await context.strike();
    const lock = await holds(context, { ttl: 1_500, autoRenew: { intervalFraction: 0.2 } });
    if (lock === undefined) return;
    await systemRuntime.sleep(300);
    if (believes(lock)) await works(context, lock);
    await ends(context, lock);
  },
};
