import { createClient } from "@redis/client";
import { rememberScript } from "../../dev/rest/command.ts";
import { RedisDatabase } from "../../src/index.ts";

/** Every script, as a RedisDatabase sends it. */
export async function allScripts(): Promise<readonly string[]> {
  const sent = new Set<string>();
  const database = new RedisDatabase({
    eval: async (script) => {
      sent.add(script);
      return null;
    },
  });
  const owner = { ownerHash: "a@b/1.1.0", processHash: "b/1.1", trace: undefined };
  const lockData = database.createLockData(owner);
  const claims = [{ key: "a", lockData }];
  const times = { ttlMs: 1_000, livenessMs: 1_000 };
  const claim = { key: "a", lockData };
  const record = { ownerHash: owner.ownerHash, completedAt: "" };
  const job = { claims: [claim], resultKey: "a" } as const;
  await Promise.allSettled([
    database.acquire({ claims, ...times, suspects: [] }),
    database.renew([{ key: "a", lockData, ...times }]),
    database.release({ claims, fence: undefined }),
    database.admit([{ ...job, ...times, suspects: [] }]),
    database.complete([{ ...job, fence: 1, record, rememberMs: 1_000 }]),
    database.recall("a"),
    database.forget("a", owner.ownerHash),
    database.inspect("a"),
    database.list(),
    database.forceDelete("a", owner.ownerHash),
    database.readLockData("a"),
    database.tryCreate("a", lockData, 1_000),
    database.tryUpdate("a", lockData, 1_000, owner.ownerHash),
    database.tryDelete("a", owner.ownerHash),
    database.saveProcessData("b/1.1", database.createProcessData(), 1_000),
  ]);
  return [...sent];
}

/**
 * Loads every script into a Redis, so that a test which counts requests does not meet the one more that
 * the first use of a script costs; and lets this process's REST fronts name what an EVALSHA runs.
 */
export async function loadScripts(redisUrl: string): Promise<void> {
  const redis = createClient({ url: redisUrl });
  await redis.connect();
  try {
    for (const script of await allScripts()) {
      rememberScript(script);
      await redis.scriptLoad(script);
    }
  } finally {
    await redis.close();
  }
}
