import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Lock as UpstashLock } from "@upstash/lock";
import { Redis } from "@upstash/redis";
import { LockService, RedisDatabase } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import scripts from "./scripts-0.1.json" with { type: "json" };

/** The last commit of 0.1: before scripts were sent by their hash, and before the folders of today. */
const COMMIT_0_1 = "c10f19b";
const ROOT = path.join(import.meta.dirname, "../..");
export const TTL_MS = 30_000;
/** What most loops written by hand sleep, and the default of `@upstash/lock`. */
const HAND_PAUSE_MS = 50;
const UPSTASH_PAUSE_MS = 100;

/** One lock and its release, done in one way, which waits while another holds it. */
export interface Way {
  readonly name: string;
  withLock(key: string, work: Work): Promise<unknown>;
}

export type Work = () => void | Promise<void>;

/** What a service of either version is used for here. */
interface Service {
  withLock(key: string, work: Work, options: { readonly waitTimeout: number }): Promise<unknown>;
}

/** Nobody gives up: what is compared is how soon all have had their turn. */
export const PATIENCE_MS = 120_000;

export function ours(url: string, token: string): Way {
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  return fromService("leasehold", new LockService({ database: upstash(env) }));
}

/**
 * The scripts that 0.1 sent, each whole, by the client of today: whatever a client does between two
 * requests, the caches of a processor forget Redis meanwhile, and its scripts take longer.
 */
export function scriptsOf0_1(url: string, token: string): Way {
  const send = sender(url, token);
  const database = new RedisDatabase({
    async eval(script, keys, args) {
      if (script.includes("leasehold:acquire")) {
        // It knew no highest fence, which comes last.
        const [record = ""] = args.slice(-2);
        const { ownerHash } = JSON.parse(`${record}}`) as { readonly ownerHash: string };
        const sent = [...args.slice(0, -2), ownerHash, record];
        const reply = await send(["EVAL", scripts.acquire, keys.length, ...keys, ...sent]);
        return `GRANTED ${String((reply as unknown[])[1])}`;
      }
      const claim = JSON.parse(args.at(-1) ?? "") as {
        readonly ownerHash: string;
        readonly fence: number;
      };
      const sent = [args[0], claim.fence, claim.ownerHash];
      await send(["EVAL", scripts.release, keys.length, ...keys, ...sent]);
      return "RELEASED";
    },
  });
  return fromService("leasehold 0.1", new LockService({ database }));
}

/** Not a fair rival: no fence, no renewal, no answer for a lost answer. What the least costs. */
export function byHand(url: string, token: string): Way {
  const send = sender(url, token);
  const script = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;
  return {
    name: "SET NX by hand",
    async withLock(key, work) {
      const id = randomUUID();
      const acquire = ["SET", `hand:${key}`, id, "NX", "PX", TTL_MS];
      while ((await send(acquire)) !== "OK") await sleep(HAND_PAUSE_MS);
      await work();
      await send(["EVAL", script, 1, `hand:${key}`, id]);
    },
  };
}

type UpstashRedis = ConstructorParameters<typeof UpstashLock>[0]["redis"];

export function upstashLock(url: string, token: string): Way {
  // Its declarations name the same class by those for the other module format.
  const redis = new Redis({ url, token, enableTelemetry: false }) as unknown as UpstashRedis;
  return {
    name: "@upstash/lock",
    async withLock(key, work) {
      const retry = { attempts: PATIENCE_MS / UPSTASH_PAUSE_MS, delay: UPSTASH_PAUSE_MS };
      const lock = new UpstashLock({ id: `upstash:${key}`, lease: TTL_MS, retry, redis });
      if (!(await lock.acquire())) throw new Error(`@upstash/lock gave ${key} up`);
      await work();
      await lock.release();
    },
  };
}

/** The library as it was at 0.1, over the client it recommended; undefined without its commit in the history. */
export async function libraryOf0_1(url: string, token: string): Promise<Way | undefined> {
  const folder = path.join(ROOT, ".cache/bench/0.1");
  try {
    if (!existsSync(path.join(folder, "src/index.ts"))) {
      const maxBuffer = 2 ** 26;
      const archive = execFileSync("git", ["archive", COMMIT_0_1, "src"], { cwd: ROOT, maxBuffer });
      mkdirSync(folder, { recursive: true });
      execFileSync("tar", ["-x", "-C", folder], { input: archive });
    }
  } catch {
    return undefined;
  }
  const main = (await import(path.join(folder, "src/index.ts"))) as {
    readonly LockService: new (options: { database: unknown }) => Service;
    readonly RedisDatabase: new (redis: Redis, options: { prefix: string }) => unknown;
  };
  const transport = (await import(path.join(folder, "src/upstash/index.ts"))) as {
    redisFromEnv(env: Record<string, string>): Redis;
  };
  const redis = transport.redisFromEnv({
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: token,
  });
  const database = new main.RedisDatabase(redis, { prefix: "leasehold:" });
  return fromService("leasehold 0.1", new main.LockService({ database }));
}

function fromService(name: string, locks: Service): Way {
  return {
    name,
    withLock: (key, work) => locks.withLock(key, work, { waitTimeout: PATIENCE_MS }),
  };
}

function sender(url: string, token: string): (command: readonly unknown[]) => Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return async (command) => {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(command) });
    const answer = (await response.json()) as {
      readonly result?: unknown;
      readonly error?: string;
    };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  };
}
