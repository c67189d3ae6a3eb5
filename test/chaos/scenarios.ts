import { isLockError, systemRuntime } from "../../src/index.ts";
import {
  TWO_SENDS_MS,
  WAIT_MS,
  WORK_MS,
  acquire,
  finish,
  acquireAndWork,
  isRefused,
  release,
  workIfHeld,
  type ScenarioContext,
} from "./judge.ts";
import { TIMEOUT_MS } from "./faults.ts";
import { believes } from "./referee.ts";
import { LONGEST_TTL_MS, TTL_MS } from "./scene.ts";

async function withLock(context: ScenarioContext, script: string): Promise<void> {
  const { scene, competitor } = context;
  const { referee, key, locks } = scene;
  let runs = 0;
  let lost = false;
  await context.injectFault(script);
  scene.acquisitions += 1;
  const budgetMs = WAIT_MS + TIMEOUT_MS + TWO_SENDS_MS + WORK_MS;
  const outcome = await scene.call("withLock", budgetMs, () =>
    locks.withLock(
      key,
      async (lock) => {
        runs += 1;
        referee.enter("victim", lock);
        await workIfHeld(context, lock);
        lost = !believes(lock);
        // From here on the callback makes no claim to the lock.
        referee.leave("victim");
        return "result";
      },
      { waitTimeout: WAIT_MS },
    ),
  );
  if (runs > 1) referee.report("the work ran twice");
  if (!("error" in outcome)) {
    if (runs !== 1 || outcome.value !== "result")
      referee.report("a result, although the work did not run");
    return;
  }
  const { error } = outcome;
  if (isLockError(error, "LOCK_LOST")) {
    const isSlow = outcome.to - outcome.from > TTL_MS * 0.9;
    if (runs !== 1 || !(lost || isSlow))
      referee.report("lost, although nobody can have taken the lock");
  } else if (runs > 0) {
    referee.report(`the work ran, but withLock threw ${String(error)}`);
  } else if (!isRefused(error)) {
    await scene.expectFailure("withLock", outcome);
  } else if (!competitor.mayHaveHeld(outcome.from, outcome.to)) {
    referee.report("refused, although nobody else held the lock");
  }
}

async function extend(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await acquireAndWork(context);
  if (lock === undefined) return;
  await context.injectFault("renew");
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
  await finish(context, lock);
}

async function isHeldCheck(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await acquireAndWork(context);
  if (lock === undefined) return;
  await context.injectFault("renew");
  const outcome = await scene.call("isHeld", TWO_SENDS_MS, () => lock.isHeld());
  const isStored = await scene.isStored(lock);
  const isOld = Date.now() - lock.acquiredAt.getTime() > TTL_MS * 0.9;
  if ("error" in outcome) await scene.expectFailure("isHeld", outcome);
  else if (outcome.value !== isStored && !isOld) {
    scene.referee.report(`isHeld says ${outcome.value}, but it is ${isStored}`);
  }
  await finish(context, lock);
}

/** Holds a short lock beyond its TTL, or loses it, and must always know which. */
async function renewal(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await acquireAndWork(context, { ttl: 1_000, autoRenew: { intervalFraction: 0.2 } });
  if (lock === undefined) return;
  await context.injectFault("renew");
  for (let passed = 0; passed < 1_200; passed += 150) {
    await systemRuntime.sleep(150);
    await scene.checkBelief(lock);
  }
  if (believes(lock)) await workIfHeld(context, lock);
  await finish(context, lock);
}

/** Renews for a while, and then gets no answers any more, or only bad ones. */
async function cutOff(context: ScenarioContext): Promise<void> {
  const { scene } = context;
  const lock = await acquireAndWork(context, { ttl: 700, autoRenew: { intervalFraction: 0.3 } });
  if (lock === undefined) return;
  await systemRuntime.sleep(350);
  await context.injectFault("renew", true);
  for (let passed = 0; passed < 1_300 && believes(lock); passed += 40) {
    await systemRuntime.sleep(40);
    await scene.checkBelief(lock);
  }
  await finish(context, lock);
}

async function abort(context: ScenarioContext): Promise<void> {
  const controller = new AbortController();
  await context.injectFault("acquire");
  const acquiring = acquire(context, { signal: controller.signal });
  await systemRuntime.sleep(30);
  controller.abort();
  await finish(context, await workIfHeld(context, await acquiring));
}

/** What a client does, with nothing but Redis and the network to interfere. */
export const SCENARIOS: Readonly<Record<string, (context: ScenarioContext) => Promise<void>>> = {
  "tries once": async (context) => {
    await context.injectFault("acquire");
    await finish(context, await workIfHeld(context, await acquire(context, { once: true })));
  },
  waits: async (context) => {
    const held = context.competitor.holdOnce(120);
    await context.injectFault("acquire");
    await finish(context, await workIfHeld(context, await acquire(context)));
    await held;
  },
  "acquires two keys": async (context) => {
    const { key } = context.scene;
    await context.injectFault("acquire");
    const lock = await acquire(context, { keys: [`first-${key}`, key] });
    await finish(context, await workIfHeld(context, lock));
  },
  "acquires through withLock": (context) => withLock(context, "acquire"),
  "releases through withLock": (context) => withLock(context, "release"),
  releases: async (context) => {
    const lock = await acquireAndWork(context);
    await context.injectFault("release");
    await finish(context, lock);
  },
  "releases twice concurrently": async (context) => {
    const lock = await acquireAndWork(context);
    if (lock === undefined) return;
    await context.injectFault("release");
    await Promise.all([release(context, lock), release(context, lock)]);
  },
  extends: extend,
  "calls isHeld": isHeldCheck,
  renews: renewal,
  "renews until it is cut off": cutOff,
  "aborts while waiting": abort,
  "has faults throughout": async (context) => {
    await context.injectFault();
    const lock = await acquireAndWork(context, {
      ttl: 1_500,
      autoRenew: { intervalFraction: 0.2 },
    });
    if (lock === undefined) return;
    await systemRuntime.sleep(300);
    if (believes(lock)) await workIfHeld(context, lock);
    await finish(context, lock);
  },
};
