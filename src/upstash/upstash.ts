import { checkType } from "../check.ts";
import { RedisDatabase, type RedisDatabaseOptions } from "../redis/redis-database.ts";
import { findCredentials } from "./credentials.ts";
import { RestClient } from "./rest-client.ts";

/**
 * A database over Upstash's REST API, or a compatible one, without a client library. The variables
 * `UPSTASH_REDIS_REST_URL` and `UPSTASH_REDIS_REST_TOKEN`, or else `KV_REST_API_URL` and
 * `KV_REST_API_TOKEN`, are read at its first use: of `env`, then of `process.env`. A command rejects
 * with LockConfigurationError when there is no complete pair.
 *
 * @param env the bindings of a Worker; left out, `process.env` alone counts
 * @throws LockConfigurationError naming an invalid option
 * @example app.use(locks((c) => upstash(c.env)));
 */
export function upstash(env?: object, options: RedisDatabaseOptions = {}): RedisDatabase {
  checkType("options", options, "object");
  return new RedisDatabase(new RestClient(() => findCredentials(env)), options);
}
