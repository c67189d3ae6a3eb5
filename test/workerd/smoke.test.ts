import "../support/provided.ts";
import { expect, inject, it } from "vitest";
import { controlClient } from "../../dev/rest-control-client.ts";
import { LockService, RedisDatabase } from "../../src/index.ts";
import { redisFromEnv } from "../../src/upstash/index.ts";
it("locks in workerd", async () => {
  const front = inject("front");
  const { url, token } = await controlClient(front.url, front.controlToken).openSession();
  const locks = new LockService({
    database: new RedisDatabase(
      redisFromEnv({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token }),
    ),
  });
  expect(await locks.withLock("a", (lock) => lock.isHeld())).toBe(true);
});
