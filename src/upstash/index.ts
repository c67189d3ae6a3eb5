export { redisFromEnv, type RedisEnv, type RedisFromEnvOptions } from "./redis-from-env.ts";
