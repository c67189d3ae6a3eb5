/**
 * The part of a Redis client that is used: `eval` of `@upstash/redis` (every entry point and
 * configuration) and of `@vercel/kv`. Structural, because their classes are nominally different.
 */
export interface RedisClient {
  eval(script: string, keys: string[], args: string[]): Promise<unknown>;
}
