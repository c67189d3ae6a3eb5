import { BUSY_MS, GRACE_MS, LOCKER, MAX_TTL_MS, type FaultKind, type Plan } from "./plan.ts";
import { Violation } from "./ledger.ts";
import { LockerScript } from "./locker-script.ts";
import { OnceScript } from "./once-script.ts";
import { scheduleFaults } from "./faults.ts";
import { ServiceScript } from "./service-script.ts";
import { World, type PlayOptions, type Station } from "./world.ts";

/** The outcome of one schedule. */
export interface Outcome {
  /** The first violation. */
  readonly violation: string | undefined;
  readonly hits: ReadonlyMap<FaultKind, number>;
  readonly grants: number;
  readonly takeovers: number;
  /** Keys that passed from one owner to the next. */
  readonly handOffs: number;
  /** Runs of jobs that began, completions that took effect, and calls that were told of one. */
  readonly runs: number;
  readonly completions: number;
  readonly recalled: number;
  /** Steps between which everything was checked. */
  readonly steps: number;
  readonly log: readonly string[];
}

/** Runs one schedule to its end. Deterministic: the same plan always has the same outcome. */
export async function play(plan: Plan, options: PlayOptions = {}): Promise<Outcome> {
  const world = new World(plan, options);
  const rejected = (reason: unknown): void =>
    world.broken(new Violation(`unhandled rejection: ${String(reason)}`));
  process.on("unhandledRejection", rejected);
  try {
    scheduleFaults(world);
    for (const station of world.stations.values()) scheduleActions(world, station);
    const noEnd = await world.time.pass(world.look);
    if (world.violation === undefined) lookAtEnd(world, noEnd);
  } finally {
    process.off("unhandledRejection", rejected);
    world.close();
  }
  const { granted, takeovers, handOffs, clocksApart } = world.laws.grants;
  const { runs, completions, recalled, expired } = world.memories;
  if (clocksApart > 0) world.hits.set("clocksApart", clocksApart);
  if (expired > 0) world.hits.set("resultExpired", expired);
  return {
    violation: world.violation?.message,
    hits: world.hits,
    grants: granted,
    takeovers,
    handOffs,
    runs,
    completions,
    recalled,
    steps: world.time.happened,
    log: world.log ?? [],
  };
}

function scheduleActions(world: World, station: Station): void {
  const { client } = station;
  const services = new ServiceScript(world, station);
  const lockers = new LockerScript(world, station);
  const jobs = new OnceScript(world, station);
  for (const action of client.plan.actions) {
    // One that comes late is no reason for the platform to keep the client until then.
    const isLate = action.atMs > BUSY_MS;
    if (!isLate) client.openRequests += 1;
    world.time.at(action.atMs, client, () => {
      if (isLate) client.openRequests += 1;
      world.note(() => `c${client.id} ${JSON.stringify(action)}`);
      run()
        .catch(world.broken)
        .finally(() => (client.openRequests -= 1));
    });
    const run = async (): Promise<void> => {
      if ("jobs" in action) await jobs.run(action);
      else if ("steps" in action && "keys" in action) await services.lock(action);
      else if ("steps" in action) await lockers.job(action);
      else await services.look(action);
      world.note(() => `c${client.id} has done ${action.do} ${action.id}`);
    };
  }
}

/** Everything is done, or dead: nothing may be left. */
function lookAtEnd(world: World, noEnd: string | undefined): void {
  try {
    if (noEnd !== undefined) throw new Violation(noEnd);
    for (const { client, front } of world.stations.values()) {
      if (client.isDead) continue;
      const requests = front?.open ?? 0;
      const left = `c${client.id} has ${client.openRequests} calls, ${client.pendingPledges} waitUntil promises, ${client.sleeps} sleeps and ${requests} HTTP requests left`;
      if (client.openRequests + client.pendingPledges + client.sleeps + requests > 0)
        throw new Violation(left);
    }
    world.time.now += Math.max(MAX_TTL_MS * 2, LOCKER.lockTtlMs) + world.serverSteps.back;
    for (const name of world.store.names()) {
      if (name === "fence" || name.startsWith("done:")) continue;
      const leftMs = world.store.remainingMs(name) ?? Infinity;
      if (!name.startsWith("gone:") || leftMs > GRACE_MS)
        throw new Violation(`${name} is left behind`);
    }
  } catch (thrown) {
    world.broken(thrown);
  }
}
