import { Redis } from "@upstash/redis/cloudflare";
import type { Bindings } from "./bindings.ts";

/** For the data of this Worker; the locks need no client. */
export function redisOf(env: Bindings): Redis {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env;
  return new Redis({ url, token, enableTelemetry: false });
}
