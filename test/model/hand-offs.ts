import { Chance } from "./chance.ts";
import { BUSY_MS, type LockAction, type MessageFault, type Plan } from "./plan.ts";

/** A lock that is detached, and a queue that delivers its string, often twice. */
export interface Delivery {
  readonly client: number;
  readonly afterMs: number;
}

/** Lets some schedules hand a lock from one client to others. Leaves everything else as it was. */
export function withHandOffs(plan: Plan): Plan {
  const chance = new Chance(plan.seed, "hand-off");
  const services = plan.clients.filter(({ role }) => role === "service").map(({ id }) => id);
  const [first] = services;
  if (first === undefined || !chance.happens(0.3)) return plan;
  const giver = chance.pick([first, ...services]);
  const deliveries = Array.from({ length: chance.pick([1, 2, 2, 3]) }, (): Delivery => {
    return { client: chance.pick([first, ...services]), afterMs: chance.between(0, 700) };
  });
  return {
    ...plan,
    clients: plan.clients.map((client) => {
      const action = handOffOf(plan.keys, deliveries, chance);
      return client.id === giver ? { ...client, actions: [...client.actions, action] } : client;
    }),
    faults: [...plan.faults, ...deliveries.flatMap(({ client }) => faultOf(client, chance))],
  };
}

function handOffOf(
  keys: readonly string[],
  deliveries: readonly Delivery[],
  chance: Chance,
): LockAction {
  return {
    do: "acquire",
    id: 98,
    atMs: chance.between(0, 800),
    keys: chance.happens(0.5) ? keys : keys.slice(0, 1),
    ttl: chance.pick([300, 600, 1_000]),
    renew: true,
    maxHold: 2_000,
    retries: 5,
    stepMs: chance.pick([20, 100]),
    steps: ["write", "work"],
    end: "detach",
    deliveries,
  };
}

function faultOf(client: number, chance: Chance): readonly MessageFault[] {
  if (chance.happens(0.5)) return [];
  const kind = chance.pick(["loseReply", "duplicate", "lateReply", "veryLate"] as const);
  const [nth, ms] = [chance.between(0, 3), chance.between(20, BUSY_MS)];
  return [{ kind, client, operation: "acquire", nth, ms, silent: chance.happens(0.5) }];
}
