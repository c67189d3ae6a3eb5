import { scheduledOnce } from "leasehold/cloudflare";
import { upstash } from "leasehold/upstash";
import type { Bindings } from "./bindings.ts";
import { redisOf } from "./redis.ts";

// Cron triggers fire at least once. Here each occurrence runs once.
export const scheduled = scheduledOnce(
  (env: Bindings) => upstash(env),
  { name: "report" },
  async ({ scheduledTime }, env) => {
    const day = new Date(scheduledTime).toISOString().slice(0, 10);
    await redisOf(env).incr(`reports:${day}`);
  },
);
