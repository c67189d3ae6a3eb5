import { Chance } from "./chance.ts";
import {
  BUSY_MS,
  type Action,
  type FaultPlan,
  type MessageFault,
  type Plan,
  type StoreFault,
} from "./plan.ts";

/** Adds the faults of promises that few schedules would reach by chance. Leaves the others as they were. */
export function withRareFaults(plan: Plan): Plan {
  const { seed, keys, clients } = plan;
  const rare = new Chance(seed, "rare");
  const isApart = rare.happens(0.4);
  const isForced = keys.length > 1 && rare.happens(0.4);
  return {
    ...plan,
    clients: clients.map((client) => {
      const forcing = isForced && client.id === 0 ? [forcedOne(keys, rare)] : [];
      const actions = [...client.actions, ...forcing];
      return { ...client, actions, ...(isApart ? { wallOffsetMs: farOff(rare) } : {}) };
    }),
    faults: [
      ...plan.faults,
      ...(isApart ? [counterLost(rare)] : []),
      ...(isForced ? secondCopies(rare, clients.length) : []),
      ...rareFaultsOf(rare, clients.length),
    ],
  };
}

/** Of a wall clock: an hour or a minute. */
function farOff(chance: Chance): number {
  return chance.pick([-3_600_000, -60_000, 0, 60_000, 3_600_000]);
}

/** One of several keys is forced, and copies of the acquires of all of them arrive. */
function forcedOne(keys: readonly string[], chance: Chance): Action {
  const atMs = chance.between(100, 1_600);
  return { do: "forceRelease", id: 99, atMs, key: keys[chance.between(0, 1)] ?? "a" };
}

function secondCopies(chance: Chance, clients: number): readonly MessageFault[] {
  return Array.from({ length: clients }, (_, client) => {
    const [nth, ms] = [chance.between(0, 1), chance.between(50, 900)];
    return { kind: "duplicate", client, operation: "acquire", nth, ms, silent: false };
  });
}

/** By eviction: locks and tombstones stay. */
function counterLost(chance: Chance): StoreFault {
  return { kind: "evict", atMs: chance.between(100, BUSY_MS), ms: 0, which: 4 };
}

/** What happens to the store, or to what it remembers. */
function rareFaultsOf(chance: Chance, clients: number): readonly FaultPlan[] {
  if (chance.happens(0.4)) return [];
  if (chance.happens(0.4)) return refusalForgotten(chance, chance.between(0, clients - 1));
  const kind = chance.pick<StoreFault["kind"]>([
    "foreignFence",
    "counterLags",
    "counterLags",
    "serverForward",
    "serverBack",
  ]);
  const ms = chance.pick([chance.between(20, 300), chance.between(300, 3_000)]);
  return [{ kind, atMs: chance.between(100, BUSY_MS), ms, which: chance.between(0, 11) }];
}

/** A full store has no room to remember a refusal, and a second copy of the acquire arrives. */
function refusalForgotten(chance: Chance, client: number): readonly FaultPlan[] {
  const ms = chance.between(50, 1_500);
  const nths = Array.from({ length: chance.between(1, 3) }, (_, more) => more);
  return nths.flatMap((nth) => {
    const message = { client, operation: "acquire", nth, ms, silent: false } as const;
    return [
      { ...message, kind: "unremembered" },
      { ...message, kind: "duplicate" },
    ] as const;
  });
}
