import { show } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";

/**
 * The part of a Redis client that is used: that of `@upstash/redis` (every entry point and
 * configuration) and of `@vercel/kv`. Structural, because their classes are nominally different.
 */
export interface RedisClient {
  /** @param signal aborts once nobody waits for the answer, for a client that can end a request */
  eval(script: string, keys: string[], args: string[], signal?: AbortSignal): Promise<unknown>;
  /** Runs a script by its SHA-1; where it is missing, scripts are sent whole each time. */
  evalsha?(sha1: string, keys: string[], args: string[], signal?: AbortSignal): Promise<unknown>;
}

/** @throws LockConfigurationError unless it is a client, in plain JavaScript too */
export function checkClient(redis: unknown): void {
  if (typeof Reflect.get(Object(redis), "eval") === "function") return;
  throw new LockConfigurationError(
    "redis",
    `must be a client with an eval method, such as Redis of @upstash/redis, but is ${show(redis)}`,
  );
}
