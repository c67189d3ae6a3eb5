import type { TestProject } from "vitest/node";
import { startRedis } from "../../dev/redis/redis.ts";

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const redis = await startRedis({ onProgress: (line) => console.log(line) });
  provide("redisUrl", redis.url);
  return () => redis.stop();
}
