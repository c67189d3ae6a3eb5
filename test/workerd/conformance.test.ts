import { inject } from "vitest";
import { controlClient } from "../../dev/rest/control-client.ts";
import { ManualRuntime, MemoryDatabase } from "../../src/testing/index.ts";
import { upstash } from "../../src/upstash/index.ts";
import { describeConformance } from "../support/conformance-suite.ts";
import { redisStorage } from "../support/redis-storage.ts";

describeConformance("RedisDatabase in workerd", {
  backend: async () => {
    const { url, controlToken } = inject("front");
    const control = controlClient(url, controlToken);
    const session = await control.openSession();
    const prefix = `{${crypto.randomUUID()}}`;
    const env = {
      UPSTASH_REDIS_REST_URL: session.url,
      UPSTASH_REDIS_REST_TOKEN: session.token,
    };
    const storage = redisStorage(prefix, (...command) => control.command(...command));
    return {
      database: upstash(env, { prefix }),
      storage,
      close: async () => {
        await storage.clear();
        await control.closeSession(session.token);
      },
    };
  },
  lacks: ["cannot be filled up"],
});

describeConformance("MemoryDatabase in workerd", {
  backend: async () => {
    const runtime = new ManualRuntime();
    return { database: new MemoryDatabase({ runtime }), pass: (ms) => runtime.advance(ms) };
  },
  lacks: ["cannot be filled up", "gives no access to its storage"],
});
