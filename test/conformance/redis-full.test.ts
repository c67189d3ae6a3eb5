import { describe } from "vitest";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { describeConformance } from "../support/conformance-suite.ts";
import { useOwnRedis } from "../support/database-own-redis.ts";
import { redisStorage } from "../support/redis-storage.ts";

describe.skipIf(onlyBorrowedRedis)("a Redis of the tests' own", () => {
  const redis = useOwnRedis();

  describeConformance("RedisDatabase on a Redis that can be filled up", {
    only: /^(?:R5|O4|O7 .* full)/,
    backend: async () => {
      const { database, prefix, command } = redis.open();
      return {
        database,
        storage: redisStorage(prefix, command),
        setFull: async (isFull) => {
          // Less than Redis itself needs: every command that needs memory is refused.
          await command("CONFIG", "SET", "maxmemory", isFull ? 1 : 0);
        },
      };
    },
  });
});
