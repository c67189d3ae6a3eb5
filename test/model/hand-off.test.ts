import { expect, it } from "vitest";
import { planOf } from "./generate.ts";
import { play } from "./schedule.ts";

const SEEDS = Array.from({ length: 1_500 }, (_, index) => index + 1);

it("locks that are handed off, and delivered twice, have one holder and rising fences", async () => {
  let handOffs = 0;
  for (const seed of SEEDS) {
    const plan = planOf(seed);
    if (!plan.clients.some(({ actions }) => actions.some((one) => "deliveries" in one))) continue;
    const outcome = await play(plan);
    expect(outcome.violation, `node test/model/replay.ts --seed ${seed}`).toBeUndefined();
    handOffs += outcome.handOffs;
  }
  console.log(`${handOffs} locks were attached`);
  expect(handOffs).toBeGreaterThan(100);
});
