import { env } from "cloudflare:workers";
import { Redis } from "@upstash/redis";
import { RedisDatabase } from "../../src/index.ts";

/** Of one request; long, because many suites may share a small machine. */
const TIMEOUT_MS = 20_000;

/** As redisFromEnv, but without its limit of 2 s: for tests whose subject is not time. */
export function patientRedis(): Redis {
  return new Redis({
    url: env.UPSTASH_REDIS_REST_URL,
    token: env.UPSTASH_REDIS_REST_TOKEN,
    retry: { retries: 0 },
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
  });
}

export function patientDatabase(redis: Redis = patientRedis()): RedisDatabase {
  return new RedisDatabase(redis, { requestTimeout: TIMEOUT_MS });
}
