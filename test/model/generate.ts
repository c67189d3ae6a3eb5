import { Chance } from "./chance.ts";
import {
  BUSY_MS,
  GRACE_MS,
  type Action,
  type ClientFault,
  type ClientPlan,
  type FaultPlan,
  type JobAction,
  type LockAction,
  type MessageFault,
  type Operation,
  type Plan,
  type Step,
  type StoreFault,
} from "./plan.ts";
import { withHandOffs } from "./hand-offs.ts";
import { withJobs } from "./jobs-plan.ts";
import { withRareFaults } from "./rare-faults.ts";

/** How many of the clients reach the store through the transport of `upstash()`. */
const OVER_HTTP = 0.3;

/** The schedule of a seed. */
export function planOf(seed: number): Plan {
  const chance = new Chance(seed, "plan");
  const keys = chance.happens(0.7) ? ["a"] : ["a", "b"];
  const clients = Array.from({ length: chance.between(2, 4) }, (_, id) =>
    clientOf(id, keys, chance, new Chance(seed, "http", id).happens(OVER_HTTP)),
  );
  const faults = Array.from({ length: chance.between(4, 9) }, () =>
    faultOf(chance, clients.length),
  );
  const plan = withRareFaults({
    seed,
    keys,
    requestTimeout: chance.pick([300, 500, 1_000]),
    latencyMs: chance.pick([5, 20, 20, 60]),
    clients,
    faults: faults.flat(),
  });
  return withHandOffs(withJobs(plan));
}

function clientOf(
  id: number,
  keys: readonly string[],
  chance: Chance,
  overHttp: boolean,
): ClientPlan {
  const role = chance.happens(0.25) ? "locker" : "service";
  const actions = Array.from({ length: chance.between(1, 4) }, (_, action): Action => {
    const when = { id: action, atMs: chance.between(0, 1_600) };
    const key = keys[chance.between(0, keys.length - 1)] ?? "a";
    const odd = chance.next();
    if (odd < 0.06) return { ...when, do: "isLocked", key };
    if (odd < 0.14) return { ...when, do: "forceRelease", key };
    return role === "locker" ? jobOf(when, key, chance) : lockOf(when, key, keys, chance);
  });
  return {
    id,
    role,
    overHttp,
    rate: 1 + (chance.next() - 0.5) * 0.018,
    wallOffsetMs: chance.between(-200, 200),
    shared: chance.happens(0.5),
    actions,
  };
}

function lockOf(
  when: { readonly id: number; readonly atMs: number },
  key: string,
  keys: readonly string[],
  chance: Chance,
): LockAction {
  const step = (): Step =>
    chance.pick(["write", "write", "work", "work", "isHeld", "extend", "stopAutoRenew"]);
  return {
    ...when,
    do: chance.pick(["withLock", "withLock", "acquire", "tryAcquire"]),
    keys: keys.length > 1 && chance.happens(0.35) ? keys : [key],
    ttl: chance.pick([150, 300, 450, 600, 1_000]),
    renew: chance.happens(0.7),
    maxHold: chance.pick([500, 2_000]),
    ...(chance.happens(0.4) ? { waitMs: chance.pick([0, 300, 1_200]) } : {}),
    ...(chance.happens(0.4) ? { retries: chance.pick([0, 1, 5]) } : {}),
    ...(chance.happens(0.15) ? { abortMs: chance.between(0, 600) } : {}),
    ...(chance.happens(0.1) ? { deadlineMs: chance.between(150, 1_500) } : {}),
    stepMs: chance.pick([20, 100, 250]),
    steps: Array.from({ length: chance.between(1, 5) }, step),
    end: chance.pick(["release", "release", "release", "twice", "background", "forget", "throw"]),
  };
}

function jobOf(
  when: { readonly id: number; readonly atMs: number },
  key: string,
  chance: Chance,
): JobAction {
  return {
    ...when,
    do: chance.pick(["acquireAndRun", "acquireAndRun", "lockerAcquire"]),
    key,
    stepMs: chance.pick([50, 200]),
    steps: Array.from({ length: chance.between(1, 5) }, () =>
      chance.pick(["beat", "beat", "work", "extend"]),
    ),
  };
}

function faultOf(chance: Chance, clients: number): readonly FaultPlan[] {
  const client = chance.between(0, clients - 1);
  const odd = chance.next();
  if (odd < 0.42) return messageFaultsOf(chance, client);
  if (odd < 0.5) return duplicateAfterLoss(chance, client);
  return [odd < 0.84 ? clientFaultOf(chance, client) : storeFaultOf(chance)];
}

/** Sometimes several messages in a row have the same fault. */
function messageFaultsOf(chance: Chance, client: number): readonly MessageFault[] {
  const kind = chance.pick<MessageFault["kind"]>([
    "loseRequest",
    "loseReply",
    "loseReply",
    "duplicate",
    "duplicate",
    "reorder",
    "veryLate",
    "veryLate",
    "lateReply",
    "refuse",
  ]);
  const operation = chance.pick<Operation>(["acquire", "acquire", "acquire", "renew", "release"]);
  const first = chance.pick([0, 0, 0, 1, 2]);
  const count = chance.pick([1, 1, 1, 2, 3]);
  const silent = chance.happens(0.5);
  const ms = messageDelay(kind, chance);
  return Array.from({ length: count }, (_, more) => {
    return { kind, client, operation, nth: first + more, ms, silent };
  });
}

/** The store loses a lock, and a second copy of its acquire arrives. */
function duplicateAfterLoss(chance: Chance, client: number): readonly FaultPlan[] {
  const nth = chance.between(0, 1);
  const which = chance.pick([0, 1, 5, 6]);
  const kind = chance.pick<StoreFault["kind"]>(["flush", "evict"]);
  return [
    {
      kind: "duplicate",
      client,
      operation: "acquire",
      nth,
      ms: chance.between(50, 900),
      silent: false,
    },
    { kind, atMs: chance.between(100, BUSY_MS), ms: 0, which },
  ];
}

function messageDelay(kind: MessageFault["kind"], chance: Chance): number {
  if (kind === "veryLate") {
    return chance.pick([chance.between(300, 2_500), chance.between(2_000, GRACE_MS + 3_000)]);
  }
  if (kind === "lateReply") return chance.between(50, 1_500);
  return kind === "duplicate" ? chance.between(0, 1_500) : chance.between(20, 400);
}

function clientFaultOf(chance: Chance, client: number): ClientFault {
  const kind = chance.pick<ClientFault["kind"]>([
    "pause",
    "pause",
    "suspend",
    "freezeClock",
    "wallForward",
    "wallBack",
    "monotonicForward",
    "monotonicBack",
    "slowClock",
    "kill",
    "kill",
    ...(["cutOff", "cutOff", "cutOff", "cutOff", "cutOff", "cutOff"] as const),
    "hangUp",
    "hangUp",
    "outage",
    "repliesLost",
  ]);
  const isJump = kind.endsWith("Forward") || kind.endsWith("Back");
  const ms = isJump
    ? chance.pick([chance.between(50, 2_000), kind.startsWith("wall") ? 3_600_000 : 2_000])
    : kind === "cutOff"
      ? chance.between(0, 60)
      : chance.between(200, 2_500);
  return { kind, client, atMs: chance.between(0, BUSY_MS), ms };
}

function storeFaultOf(chance: Chance): StoreFault {
  return {
    kind: chance.pick(["restart", "flush", "flush", "evict", "evict", "full", "garbage"]),
    atMs: chance.between(100, BUSY_MS),
    ms: chance.between(50, 1_500),
    which: chance.between(0, 11),
  };
}
