import { describe, expect, it } from "vitest";
import { FAULT_KINDS } from "./plan.ts";
import { replay, runSchedules, describeViolations } from "./simulation.ts";

const BASE_SEED = 1;
const SCHEDULES = 2_000;

describe("many clients, any faults", () => {
  it(`${SCHEDULES} schedules violate no guarantee, and contain every fault`, async () => {
    const summary = await runSchedules({ seed: BASE_SEED, count: SCHEDULES, maxViolations: 3 });
    console.log(
      `${summary.schedules} schedules in ${summary.seconds.toFixed(1)} s, ${summary.grants} locks, ${summary.takeovers} takeovers, ${summary.runs} runs of jobs, ${summary.completions} completions, ${summary.recalled} recalled, faults ${JSON.stringify(summary.faults)}`,
    );
    expect(summary.violations, await describeViolations(summary.violations)).toEqual([]);
    for (const kind of FAULT_KINDS) {
      expect(summary.faults[kind], `${kind} happened`).toBeGreaterThanOrEqual(100);
    }
    expect(summary.takeovers).toBeGreaterThan(10);
    expect(summary.grants).toBeGreaterThan(SCHEDULES);
    expect(summary.completions).toBeGreaterThan(SCHEDULES / 2);
    expect(summary.recalled).toBeGreaterThan(SCHEDULES / 4);
  });

  it("schedules with random seeds violate no guarantee", async () => {
    const seed = 1_000_000 + Math.floor(Math.random() * 1_000_000_000);
    const summary = await runSchedules({ seed, count: 500, maxViolations: 3 });
    expect(
      summary.violations,
      `seeds from ${seed}\n${await describeViolations(summary.violations)}`,
    ).toEqual([]);
  });

  it("a seed always has the same outcome", async () => {
    for (const seed of [11, 12, 13]) {
      const [first, second] = [await replay(seed), await replay(seed)];
      expect(second.outcome).toEqual(first.outcome);
      expect(first.outcome.log.length).toBeGreaterThan(10);
    }
  });
});
