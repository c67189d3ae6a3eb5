import { describe, expect, it } from "vitest";
import { coveringCases, liveUntilHit, type CaseTools } from "../chaos/case.ts";
import { LagMeter, inPool } from "../chaos/pool.ts";
import { remoteWire } from "../chaos/wire.ts";
import { frontControl } from "./worker-under-test.ts";

/** Every so many of the cases that run in Node: the same in the other runtime. */
const EVERY = 7;
const AT_ONCE = 10;

const CASES = coveringCases().filter((_, index) => index % EVERY === 0);

let hitCases = 0;

describe("in workerd too, whatever goes wrong on the wire, every answer is true and nothing is left:", () => {
  it.each([...new Set(CASES.map(({ life }) => life))])("who %s", async (life) => {
    const found: string[] = [];
    // Nothing crosses from one test, which may be a request, into the next.
    const lag = new LagMeter();
    lag.start();
    const tools: CaseTools = { openWire: () => remoteWire(frontControl()), clock: () => lag };
    const cases = CASES.filter((one) => one.life === life);
    await inPool(cases, AT_ONCE, async (one) => {
      const { violations, hits } = await liveUntilHit(one, tools);
      found.push(...violations);
      if (hits > 0) hitCases += 1;
    });
    lag.stop();
    expect(found).toEqual([]);
  });
});

it("most of these cases met their fault", () => {
  expect(hitCases).toBeGreaterThan(CASES.length / 2);
});
