import { describe, expect, it } from "vitest";
import { coveringCases, runUntilHit, type CaseTools } from "../chaos/case.ts";
import { LagMeter, inPool } from "../chaos/pool.ts";
import { remoteWire } from "../chaos/wire.ts";
import { frontControl } from "./worker-under-test.ts";

/** Runs every seventh of the cases that run in Node. */
const EVERY = 7;
const AT_ONCE = 10;

const CASES = coveringCases().filter((_, index) => index % EVERY === 0);

let hitCases = 0;

describe("in workerd, too, under any network fault every result is correct and nothing is left by", () => {
  it.each([...new Set(CASES.map(({ scenario }) => scenario))])(
    "a client that %s",
    async (scenario) => {
      const found: string[] = [];
      // One per test: a test may be a request, which shares nothing with the next.
      const lag = new LagMeter();
      lag.start();
      const tools: CaseTools = { openWire: () => remoteWire(frontControl()), clock: () => lag };
      const cases = CASES.filter((one) => one.scenario === scenario);
      await inPool(cases, AT_ONCE, async (one) => {
        const { violations, hits } = await runUntilHit(one, tools);
        found.push(...violations);
        if (hits > 0) hitCases += 1;
      });
      lag.stop();
      expect(found).toEqual([]);
    },
  );
});

it("most of these cases were hit by their fault", () => {
  expect(hitCases).toBeGreaterThan(CASES.length / 2);
});
