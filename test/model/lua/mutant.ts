import { RedisDatabase, type RedisClient } from "../../../src/index.ts";

/** One deliberate bug: a text in a script, and its replacement on the way to EVAL. */
export interface LuaMutant {
  readonly name: string;
  /** The name in the first line of the script: `-- leasehold:<name>`. */
  readonly script: string;
  /** Must be in the script exactly `times` times. */
  readonly find: string;
  readonly replace: string;
  /** @default 1 */
  readonly times?: number;
  /** What it violates: a case of the conformance suite, or of checks.ts. */
  readonly guarantee: string;
  /** A schedule on real Redis that finds it, too, if one does early: where the search starts. */
  readonly seed?: number;
}

/** A script without and with a bug. */
export interface Mutation {
  readonly sound: string;
  readonly broken: string;
}

/** Wraps a database's client. */
export type Through = (client: RedisClient) => RedisClient;

/**
 * Checks the text before anything runs: an error on the way to EVAL would look like an error of the
 * database, and the mutant would count as found.
 */
export async function mutationOf(mutant: LuaMutant): Promise<Mutation> {
  const { name, script, find, replace, times = 1 } = mutant;
  const sound = (await sentScripts()).get(script);
  if (sound === undefined) throw new Error(`"${name}": no script is called ${script}`);
  const parts = sound.split(find);
  if (parts.length !== times + 1) {
    throw new Error(`"${name}": its text occurs ${parts.length - 1} times in ${script}`);
  }
  return { sound, broken: parts.join(replace) };
}

/** Sends the broken script instead of the sound one, and every other unchanged. */
export function sending({ sound, broken }: Mutation): Through {
  return (client) => ({
    eval: (script, keys, args) => client.eval(script === sound ? broken : script, keys, args),
  });
}

/** By name, every script that a RedisDatabase sends, wherever src keeps them. */
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
  const job = { claims: [claim], resultKey: "key" } as const;
  const record = { ownerHash: "", completedAt: "" };
  await Promise.allSettled([
    database.acquire({ claims: [claim], ...times, suspects: [] }),
    database.renew([{ ...claim, ...times }]),
    database.release({ claims: [claim], fence: undefined }),
    database.admit([{ ...job, ...times, suspects: [] }]),
    database.complete([{ ...job, fence: 1, record, rememberMs: 1 }]),
    database.recall("key"),
    database.forget("key", ""),
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
