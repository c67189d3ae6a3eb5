import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { scheduledOnce } from "../../src/cloudflare/index.ts";
import { unboundedDatabase } from "./redis-client.ts";

it("an occurrence that is delivered twice, at once or later, runs once", async () => {
  const runs: number[] = [];
  const scheduled = scheduledOnce(
    (_env: Cloudflare.Env, _ctx: ExecutionContext) => unboundedDatabase(),
    { name: crypto.randomUUID(), remember: 60_000 },
    ({ scheduledTime }) => runs.push(scheduledTime),
  ) satisfies ExportedHandlerScheduledHandler<Cloudflare.Env>;
  const fire = async (minute: number): Promise<void> => {
    const ctx = createExecutionContext();
    const scheduledTime = minute * 60_000;
    await scheduled(createScheduledController({ scheduledTime, cron: "* * * * *" }), env, ctx);
    await waitOnExecutionContext(ctx);
  };
  await Promise.all([fire(1), fire(1)]);
  await fire(1);
  await fire(2);
  expect(runs).toEqual([60_000, 120_000]);
});
