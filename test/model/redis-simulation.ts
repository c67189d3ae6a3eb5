import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { planOf } from "./generate.ts";
import type { Through } from "./lua/mutant.ts";
import type { Plan } from "./plan.ts";
import { RedisTwin } from "./redis-twin.ts";
import { play, type Outcome } from "./schedule.ts";
import type { FoundViolation } from "./simulation.ts";

export interface RedisRunOptions {
  readonly url: string;
  readonly seed: number;
  readonly count: number;
  readonly maxViolations?: number;
  /** Changes scripts on their way to Redis. */
  readonly through?: Through | undefined;
}

export interface RedisSummary {
  readonly schedules: number;
  /** Commands that ran in Redis and in the memory database, with the same effect. */
  readonly commands: number;
  readonly violations: readonly FoundViolation[];
}

/** Runs the schedules of `count` seeds with every command also in real Redis. */
export async function runOnRedis(options: RedisRunOptions): Promise<RedisSummary> {
  const { url, seed, count, maxViolations = Infinity, through } = options;
  const violations: FoundViolation[] = [];
  let schedules = 0;
  let commands = 0;
  for (let next = seed; next < seed + count && violations.length < maxViolations; next += 1) {
    const { outcome, compared } = await playOnRedis(planOf(next), url, { through });
    schedules += 1;
    commands += compared;
    if (outcome.violation !== undefined) {
      violations.push({ seed: next, violation: outcome.violation });
    }
  }
  return { schedules, commands, violations };
}

/** Runs one schedule in real Redis, under its own keys, which it removes afterwards. */
export async function playOnRedis(
  plan: Plan,
  url: string,
  options: { readonly isLogged?: boolean; readonly through?: Through | undefined } = {},
): Promise<{ readonly outcome: Outcome; readonly compared: number }> {
  const { isLogged = false, through } = options;
  const redis = createClient({ url });
  await redis.connect();
  const twins: RedisTwin[] = [];
  const twin = (store: RedisTwin["store"]): RedisTwin => {
    const made = new RedisTwin(redis, `{${randomUUID()}}`, store, through);
    twins.push(made);
    return made;
  };
  try {
    // A full Redis would be full for all other tests, too.
    const faults = plan.faults.filter(({ kind }) => kind !== "full" && kind !== "unremembered");
    const outcome = await play({ ...plan, faults }, { isLogged, twin });
    const compared = twins.reduce((sum, { commands }) => sum + commands, 0);
    return { outcome, compared };
  } finally {
    for (const made of twins) await made.clear();
    await redis.close();
  }
}
