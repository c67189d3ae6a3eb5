import { env } from "cloudflare:workers";
import { Redis } from "@upstash/redis";
import { RedisDatabase } from "../../src/index.ts";

/** Request timeout; long, because many suites may share a small machine. */
const TIMEOUT_MS = 20_000;

/** Set up for locks, but without a timeout: for tests that are not about time. */
export function unboundedRedis(): Redis {
  return new Redis({
    url: env.UPSTASH_REDIS_REST_URL,
    token: env.UPSTASH_REDIS_REST_TOKEN,
    retry: { retries: 0 },
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
  });
}

export function unboundedDatabase(redis: Redis = unboundedRedis()): RedisDatabase {
  return new RedisDatabase(redis, { prefix: "", requestTimeout: TIMEOUT_MS });
}
