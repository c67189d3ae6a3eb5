/**
 * A process that contends with others for the same locks: it reads and writes what they protect, and
 * may be killed or paused at any moment. Its only argument is its task, as JSON.
 */
import type { Redis } from "@upstash/redis";
import { LockService, isLockError, systemRuntime } from "../../src/index.ts";
import type { Lock } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { believes } from "./referee.ts";
import { openResource, type Resource } from "./resource.ts";

export interface ContenderTask {
  /** Also the trace in its locks. */
  readonly name: string;
  readonly url: string;
  readonly token: string;
  readonly prefix: string;
  readonly keys: readonly string[];
  readonly ttl: number;
  /** A key that only lock holders may change; others holding the same locks do change it. */
  readonly watched?: string;
  /** Longest pause between retries. */
  readonly retryMs: number;
}

const HOLD_MS = 100;
/** On a busy machine an answer may take long: a survivor that gave up on it would be late itself. */
const REQUEST_TIMEOUT_MS = 20_000;
/** One time in this many it holds the lock beyond its TTL, and relies on renewals. */
const LONG_HOLD = 10;

/** Where a contender reports that another was in its critical section. */
export function intrusionsName(prefix: string): string {
  return `${prefix}intrusions`;
}

/** Set by a contender once it has loaded and reached Redis. */
export function readyName(prefix: string, name: string): string {
  return `${prefix}ready:${name}`;
}

export function resourceName(prefix: string, key: string): string {
  return `${prefix}resource:${key}`;
}

function parseTask(text: string | undefined): ContenderTask {
  if (text === undefined) throw new Error("started without a task");
  return JSON.parse(text) as ContenderTask;
}

/** Works, and reports if what the lock protects changed meanwhile. */
async function workAlone(lock: Lock, ms: number, redis: Redis, task: ContenderTask): Promise<void> {
  const { watched, prefix, name } = task;
  if (watched === undefined) {
    await systemRuntime.sleep(ms);
    return;
  }
  const before = await redis.get(watched);
  await systemRuntime.sleep(ms);
  const after = await redis.get(watched);
  if (before === after || !believes(lock)) return;
  const intrusion = `${name} held fence ${lock.fence}, but ${watched} went from ${String(before)} to ${String(after)}`;
  await redis.rpush(intrusionsName(prefix), intrusion);
}

/** Reads, works, writes. Half of the time it does not check that it still holds the lock: fences must suffice. */
async function work(
  lock: Lock,
  resource: Resource,
  redis: Redis,
  task: ContenderTask,
): Promise<void> {
  const { name, ttl } = task;
  const fence = lock.fence ?? 0;
  const who = `${name}/${fence}/${lock.acquiredAt.getTime()}`;
  const value = await resource.enter(fence, who);
  if (value === undefined) return;
  const isLong = Math.random() * LONG_HOLD < 1;
  await workAlone(lock, isLong ? ttl * 1.2 : Math.random() * HOLD_MS, redis, task);
  if (fence % 2 === 0 && !believes(lock)) return;
  await resource.write(fence, who, value + 1);
}

async function contend(key: string, task: ContenderTask): Promise<never> {
  const { url, token, prefix, name, ttl, retryMs } = task;
  const redis = restRedis({ url, token }, REQUEST_TIMEOUT_MS);
  const credentials = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const locks = new LockService({
    database: upstash(credentials, { prefix, requestTimeout: REQUEST_TIMEOUT_MS }),
    retry: { initialDelay: 20, maxDelay: retryMs },
  });
  const evaluate = (script: string, keys: string[], args: string[]): Promise<unknown> =>
    redis.eval(script, keys, args);
  const resource = openResource(evaluate, resourceName(prefix, key));
  for (;;) {
    try {
      const lock = await locks.acquire(key, { ttl, waitTimeout: 60_000, trace: name });
      await work(lock, resource, redis, task);
      await lock.release();
    } catch (error) {
      // On a busy machine replies time out and locks expire; the resource's log shows what must not happen.
      if (!isLockError(error)) console.error(error);
      await systemRuntime.sleep(20);
    }
    await systemRuntime.sleep(Math.random() * 20);
  }
}

if (import.meta.main) {
  const task = parseTask(process.argv[2]);
  await restRedis(task, REQUEST_TIMEOUT_MS).set(readyName(task.prefix, task.name), 1);
  await Promise.all(task.keys.map((key) => contend(key, task)));
}
