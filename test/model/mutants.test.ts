import { describe, expect, it } from "vitest";
import { loadWith } from "./load.ts";
import { MUTANTS } from "./mutants.ts";
import { runSchedules } from "./simulation.ts";

/** A bug counts as not found if this many schedules do not reveal it. */
const MOST_SCHEDULES = 2_000;

describe("the checker sees", () => {
  it.for(MUTANTS)("$name", async (mutant) => {
    const broken = await loadWith(mutant);
    // Starts where it was found when this was written, and searches on in case src has changed since.
    const { violations } = await broken.runSchedules({
      seed: mutant.seed,
      count: MOST_SCHEDULES,
      maxViolations: 1,
    });
    const [found] = violations;
    expect(found, `nothing in ${MOST_SCHEDULES} schedules`).toBeDefined();
    if (found === undefined) return;
    const sound = await runSchedules({ seed: found.seed, count: 1 });
    expect(sound.violations, "the same schedule without the bug").toEqual([]);
  });

  it("has a seed for each of the rules", () => {
    const rules = MUTANTS.map(({ name }) => /^R\d+/.exec(name)?.[0]).filter(Boolean);
    expect(rules).toEqual(Array.from({ length: 12 }, (_, index) => `R${index + 1}`));
    const jobs = MUTANTS.map(({ name }) => /^O\d/.exec(name)?.[0]).filter(Boolean);
    expect([...new Set(jobs)]).toEqual(["O1", "O2", "O3", "O4", "O6"]);
    expect(MUTANTS).toHaveLength(44);
  });
});
