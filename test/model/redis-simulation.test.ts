import { expect, inject, it } from "vitest";
import { runOnRedis } from "./redis-simulation.ts";

const SCHEDULES = 150;

it(`${SCHEDULES} schedules on real Redis violate no guarantee, and it behaves like the memory database`, async () => {
  const url = inject("redisUrl");
  const seed = 1 + Math.floor(Math.random() * 1_000_000_000);
  const { violations, commands } = await runOnRedis({
    url,
    seed,
    count: SCHEDULES,
    maxViolations: 1,
  });
  const again = violations.map((found) => {
    return `node test/model/replay.ts --seed ${found.seed} --redis <url>`;
  });
  expect(violations, again.join("\n")).toEqual([]);
  expect(commands).toBeGreaterThan(SCHEDULES * 5);
  console.log(`${commands} commands in ${SCHEDULES} schedules from seed ${seed}`);
});
