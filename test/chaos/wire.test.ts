import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { coveringCases, liveUntilHit, type CaseTools } from "./case.ts";
import { WIRE_FAULTS } from "./faults.ts";
import { localWire, openSideDoor, type SideDoor } from "./local-wire.ts";
import { LagMeter, inPool } from "./pool.ts";

const CASES = coveringCases();
/** Of one life; all lives are lived at once. */
const AT_ONCE = 3;
const LIFE_TIMEOUT_MS = 120_000;
const MIN_HIT_CASES = 300;

const lag = new LagMeter();
const hitCases = new Map<string, number>();
let front: RestFront | undefined;
let door: SideDoor | undefined;

beforeAll(async () => {
  const redisUrl = inject("redisUrl");
  front = await startRestFront({ redisUrl });
  door = await openSideDoor(redisUrl);
  lag.start();
});
afterAll(async () => {
  lag.stop();
  door?.close();
  await front?.stop();
});

function tools(): CaseTools {
  if (front === undefined || door === undefined) throw new Error("used before beforeAll");
  const open = { front, door };
  return { openWire: () => localWire(open.front, open.door), clock: () => lag };
}

describe.concurrent(
  "whatever goes wrong on the wire, every answer is true, one holds at most, and nothing is left:",
  () => {
    it.each([...new Set(CASES.map(({ life }) => life))])(
      "who %s",
      async (life) => {
        const found: string[] = [];
        const cases = CASES.filter((one) => one.life === life);
        await inPool(cases, AT_ONCE, async (one) => {
          const { violations, hits } = await liveUntilHit(one, tools());
          found.push(...violations);
          if (hits > 0) hitCases.set(one.fault, (hitCases.get(one.fault) ?? 0) + 1);
        });
        expect(found).toEqual([]);
      },
      LIFE_TIMEOUT_MS,
    );
  },
);

it(`at least ${MIN_HIT_CASES} of these cases were hit, by every kind of fault`, () => {
  const hit = [...hitCases.values()].reduce((sum, count) => sum + count, 0);
  expect(hit).toBeGreaterThanOrEqual(MIN_HIT_CASES);
  expect([...hitCases.keys()].toSorted()).toEqual(Object.keys(WIRE_FAULTS).toSorted());
});
