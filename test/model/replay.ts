/**
 * Replays one schedule: `node test/model/replay.ts --seed N`. If it violates a guarantee, it is shrunk
 * first, unless `--whole`. With `--mutant R4`, with that bug in src; with `--redis redis://…`, also in
 * that Redis (and unshrunk), and there with `--lua "R4: a release leaves"`, with that bug in a script.
 */
import { parseArgs } from "node:util";
import { planOf } from "./generate.ts";
import { loadWith } from "./load.ts";
import { mutationOf, sending, type Through } from "./lua/mutant.ts";
import { LUA_MUTANTS } from "./lua/mutants.ts";
import { MUTANTS } from "./mutants.ts";
import { playOnRedis } from "./redis-simulation.ts";
import * as sound from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    mutant: { type: "string" },
    redis: { type: "string" },
    lua: { type: "string" },
    whole: { type: "boolean", default: false },
  },
});
const { mutant: wanted, redis, lua, whole } = values;
const seed = Number(values.seed ?? Number.NaN);
if (!Number.isSafeInteger(seed) || (lua !== undefined && redis === undefined)) {
  throw new Error(
    "usage: node test/model/replay.ts --seed N [--whole] [--mutant R4 | --redis URL [--lua R4]]",
  );
}

const { plan, outcome } = await replayed();
console.log(`Clients:\n${plan.clients.map((client) => JSON.stringify(client)).join("\n")}`);
console.log(`\nFaults:\n${plan.faults.map((fault) => JSON.stringify(fault)).join("\n")}`);
console.log(`\nSteps:\n${outcome.log.join("\n")}`);
console.log(`\n${outcome.violation ?? "no guarantee was violated"}`);
process.exitCode = outcome.violation === undefined ? 0 : 1;

async function replayed(): ReturnType<typeof sound.replay> {
  if (redis !== undefined) {
    const all = planOf(seed);
    const through = lua === undefined ? undefined : await throughMutant(lua);
    const { outcome: played } = await playOnRedis(all, redis, { isLogged: true, through });
    return { plan: all, outcome: played };
  }
  if (wanted === undefined) return sound.replay(seed, { isShortened: !whole });
  const mutant = called(wanted, MUTANTS);
  return (await loadWith(mutant)).replay(seed, { isShortened: !whole });
}

async function throughMutant(name: string): Promise<Through> {
  return sending(await mutationOf(called(name, LUA_MUTANTS)));
}

function called<T extends { readonly name: string }>(wantedName: string, all: readonly T[]): T {
  const found = all.find(({ name }) => name.startsWith(wantedName));
  if (found === undefined) throw new Error(`no bug is called ${wantedName}`);
  return found;
}
