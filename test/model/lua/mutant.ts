import { RedisDatabase, type RedisClient } from "../../../src/index.ts";

/** One deliberate bug: a text in a script, and what takes its place on the way to EVAL. */
export interface LuaMutant {
  readonly name: string;
  /** The name in the first line of the script: `-- leasehold:<name>`. */
  readonly script: string;
  /** Must be in the script exactly `times` times. */
  readonly find: string;
  readonly replace: string;
  /** @default 1 */
  readonly times?: number;
  /** What it breaks: a case of the conformance suite, or else of checks.ts. */
  readonly guarantee: string;
  /** A schedule on real Redis that finds it too, if schedules soon do: where the search begins. */
  readonly seed?: number;
}

/** A script as it is, and with a bug. */
export interface Mutation {
  readonly sound: string;
  readonly broken: string;
}

/** Stands between a database and its client. */
export type Through = (client: RedisClient) => RedisClient;

/**
 * Looks for the text before anything runs: an error on the way to EVAL would pass for an error of the
 * database, and the mutant for found.
 */
export async function mutationOf(mutant: LuaMutant): Promise<Mutation> {
  const { name, script, find, replace, times = 1 } = mutant;
  const sound = (await sentScripts()).get(script);
  if (sound === undefined) throw new Error(`"${name}": no script is called ${script}`);
  const parts = sound.split(find);
  if (parts.length !== times + 1) {
    throw new Error(`"${name}": its text is ${parts.length - 1} times in ${script}`);
  }
  return { sound, broken: parts.join(replace) };
}

/** Sends the broken script for the sound one, and every other as it is. */
export function sending({ sound, broken }: Mutation): Through {
  return (client) => ({
    eval: (script, keys, args) => client.eval(script === sound ? broken : script, keys, args),
  });
}

/** By name, every script that a RedisDatabase sends: src may keep them where it likes. */
async function sentScripts(): Promise<ReadonlyMap<string, string>> {
  const scripts = new Map<string, string>();
  const redis: RedisClient = {
    eval: async (script) => {
      scripts.set(/^-- leasehold:(\S+)/.exec(script)?.[1] ?? "", script);
      return ["NO_KEY", ["LOST"]];
    },
  };
  const database = new RedisDatabase(redis);
  const lockData = database.createLockData({ ownerHash: "", processHash: "", trace: undefined });
  const claim = { key: "key", lockData };
  const times = { ttlMs: 1, livenessMs: 1 };
  await Promise.allSettled([
    database.acquire({ claims: [claim], ...times, suspects: [] }),
    database.renew([{ ...claim, ...times }]),
    database.release({ claims: [claim], fence: undefined }),
    database.inspect("key"),
    database.forceDelete("key", ""),
    database.readLockData("key"),
    database.tryCreate("key", lockData, 1),
    database.tryUpdate("key", lockData, 1, ""),
    database.tryDelete("key", ""),
    database.saveProcessData("", database.createProcessData(), 1),
  ]);
  return scripts;
}
