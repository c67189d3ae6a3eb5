export { redisFromEnv, type RedisEnv } from "./redis-from-env.ts";
