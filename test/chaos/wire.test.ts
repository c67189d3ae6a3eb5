import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { coveringCases, runUntilHit, type CaseTools } from "./case.ts";
import { useDirectFront } from "./direct-front.ts";
import { WIRE_FAULTS } from "./faults.ts";
import { localWire } from "./local-wire.ts";
import { LagMeter, inPool } from "./pool.ts";

const CASES = coveringCases();
/** Cases of one scenario; all scenarios run concurrently. */
const AT_ONCE = 3;
const SCENARIO_TIMEOUT_MS = 120_000;
const MIN_HIT_CASES = 300;

const lag = new LagMeter();
const hitCases = new Map<string, number>();
const directFront = useDirectFront();
beforeAll(() => lag.start());
afterAll(() => lag.stop());

function tools(): CaseTools {
  const { front, direct } = directFront();
  return { openWire: () => localWire(front, direct), clock: () => lag };
}

describe.concurrent(
  "under any network fault every result is correct, at most one client holds the lock, and nothing is left by",
  () => {
    it.each([...new Set(CASES.map(({ scenario }) => scenario))])(
      "a client that %s",
      async (scenario) => {
        const found: string[] = [];
        const cases = CASES.filter((one) => one.scenario === scenario);
        await inPool(cases, AT_ONCE, async (one) => {
          const { violations, hits } = await runUntilHit(one, tools());
          found.push(...violations);
          if (hits > 0) hitCases.set(one.fault, (hitCases.get(one.fault) ?? 0) + 1);
        });
        expect(found).toEqual([]);
      },
      SCENARIO_TIMEOUT_MS,
    );
  },
);

it(`at least ${MIN_HIT_CASES} of these cases were hit, and every kind of fault was among them`, () => {
  const hit = [...hitCases.values()].reduce((sum, count) => sum + count, 0);
  expect(hit).toBeGreaterThanOrEqual(MIN_HIT_CASES);
  expect([...hitCases.keys()].toSorted()).toEqual(Object.keys(WIRE_FAULTS).toSorted());
});
