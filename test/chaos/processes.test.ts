import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { KillTest } from "./kill.ts";
import { openSideDoor, type SideDoor } from "./local-wire.ts";

let front: RestFront | undefined;
let door: SideDoor | undefined;

beforeAll(async () => {
  const redisUrl = inject("redisUrl");
  front = await startRestFront({ redisUrl });
  door = await openSideDoor(redisUrl);
});
afterAll(async () => {
  door?.close();
  await front?.stop();
});

it("processes killed or stopped in their critical sections lose no update, and are succeeded in time", async () => {
  if (front === undefined || door === undefined) throw new Error("used before beforeAll");
  const { url, token } = front.openSession();
  const { command } = door;
  const report = await new KillTest({
    url,
    token,
    command,
    processes: 3,
    keys: ["a", "b"],
    ttl: 800,
    kills: 15,
    stopEvery: 4,
  }).run();
  expect(report.violations).toEqual([]);
  expect(report.kills).toBeGreaterThanOrEqual(15);
  expect(report.stops).toBeGreaterThanOrEqual(1);
  expect(report.updates).toBeGreaterThan(0);
  // Most are caught before they can give the lock back.
  expect(report.takeovers).toBeGreaterThanOrEqual(5);
}, 60_000);
