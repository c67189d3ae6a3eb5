import { Chance } from "./chance.ts";
import {
  BUSY_MS,
  GRACE_MS,
  type Action,
  type FaultPlan,
  type MessageFault,
  type OnceAction,
  type OnceStep,
  type Operation,
  type Plan,
} from "./plan.ts";

const DAY_MS = 86_400_000;

/** Adds jobs that are to run once, under the keys of the locks, and their faults. Leaves the rest as it was. */
export function withJobs(plan: Plan): Plan {
  const chance = new Chance(plan.seed, "jobs");
  if (chance.happens(0.3)) return plan;
  const { keys } = plan;
  // In some, calls come when completions are no longer remembered.
  const isLong = chance.happens(0.45);
  const clients = plan.clients.map((client) => {
    const count = chance.between(isLong ? 1 : 0, 3);
    const added = Array.from({ length: count }, (_, more) =>
      actionOf(100 + more, keys, isLong, chance),
    );
    return { ...client, actions: [...client.actions, ...added] };
  });
  const faults = Array.from({ length: chance.between(1, 4) }, () =>
    faultsOf(chance, clients.length),
  );
  return { ...plan, clients, faults: [...plan.faults, ...faults.flat()] };
}

function actionOf(id: number, keys: readonly string[], isLong: boolean, chance: Chance): Action {
  const isLate = isLong && chance.happens(0.5);
  const atMs = isLate ? GRACE_MS + chance.between(1_500, 4_000) : chance.between(0, 1_600);
  const key = keys[chance.between(0, keys.length - 1)] ?? "a";
  const odd = chance.next();
  if (odd < 0.06) return { do: "recall", id, atMs, key };
  if (odd < 0.22) return { do: "forget", id, atMs, key };
  return onceOf({ id, atMs }, key, keys, isLong, chance);
}

function onceOf(
  when: { readonly id: number; readonly atMs: number },
  key: string,
  keys: readonly string[],
  isLong: boolean,
  chance: Chance,
): OnceAction {
  const isBatch = chance.happens(0.2);
  const ifRunning = isBatch
    ? "skip"
    : chance.pick<OnceAction["ifRunning"]>(["skip", "skip", "throw", "join", "join"]);
  return {
    ...when,
    do: isBatch ? "onceEach" : "once",
    jobs: isBatch ? keys : [key],
    ttl: chance.pick([150, 300, 450, 600]),
    renew: chance.happens(0.7),
    ifRunning,
    ...(ifRunning === "join" ? { waitMs: chance.pick([0, 300, 1_200, 3_000]) } : {}),
    rememberMs: isLong ? GRACE_MS : chance.pick([1, GRACE_MS, DAY_MS]),
    ...(chance.happens(0.4) ? { fingerprint: chance.pick(["one", "one", "other"]) } : {}),
    ...(chance.happens(0.1) ? { abortMs: chance.between(0, 600) } : {}),
    ...(chance.happens(0.1) ? { deadlineMs: chance.between(150, 1_500) } : {}),
    stepMs: chance.pick([20, 100, 250]),
    steps: Array.from({ length: chance.between(1, 3) }, () => stepOf(chance)),
    end: chance.pick(["return", "return", "return", "returnTooMuch", "throw"]),
  };
}

/** Holders stall often: only then does it matter that a completion asks whose lock it is. */
function stepOf(chance: Chance): OnceStep {
  const odd = chance.next();
  if (odd < 0.1) return "stall";
  if (odd < 0.15) return "freeze";
  if (odd < 0.18) return "crash";
  return chance.pick(["write", "work", "work", "isHeld"]);
}

function faultsOf(chance: Chance, clients: number): readonly FaultPlan[] {
  if (chance.happens(0.3)) {
    return [{ kind: "resultLost", atMs: chance.between(100, BUSY_MS), ms: 0, which: 0 }];
  }
  const client = chance.between(0, clients - 1);
  const kind = chance.pick<MessageFault["kind"]>([
    "loseRequest",
    "loseReply",
    "loseReply",
    "duplicate",
    "duplicate",
    "reorder",
    "veryLate",
    "lateReply",
    "refuse",
  ]);
  const operation = chance.pick<Operation>([
    "admit",
    "admit",
    "complete",
    "complete",
    "complete",
    "recall",
    "forget",
  ]);
  const ms =
    kind === "veryLate"
      ? chance.pick([chance.between(300, 2_500), chance.between(2_000, GRACE_MS + 3_000)])
      : chance.between(20, 1_500);
  const silent = chance.happens(0.5);
  const nth = chance.pick([0, 0, 1, 2]);
  return Array.from({ length: chance.pick([1, 1, 2]) }, (_, more) => {
    return { kind, client, operation, nth: nth + more, ms, silent };
  });
}
