import { describeConformance } from "../support/conformance-suite.ts";
import { redisStorage } from "../support/redis-storage.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

describeConformance("RedisDatabase", {
  backend: async () => {
    const rest = rests.open();
    const storage = redisStorage(rest.prefix, (...command) => rest.command(...command));
    return {
      // On a busy machine an answer may take longer than the default.
      database: rest.database({ requestTimeout: 20_000 }),
      storage,
      close: () => storage.clear(),
    };
  },
  // Filling up a Redis would disturb the other files: see redis-full.test.ts.
  lacks: ["cannot be filled up"],
});
