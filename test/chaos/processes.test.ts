import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { loadScripts } from "../support/scripts.ts";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { KillTest } from "./kill.ts";
import { openDirectConnection, type DirectConnection } from "./local-wire.ts";

let front: RestFront | undefined;
let direct: DirectConnection | undefined;

beforeAll(async () => {
  const redisUrl = inject("redisUrl");
  await loadScripts(redisUrl);
  front = await startRestFront({ redisUrl });
  direct = await openDirectConnection(redisUrl);
});
afterAll(async () => {
  direct?.close();
  await front?.stop();
});

it("processes killed or paused in their critical sections cause no lost update, and are taken over from in time", async () => {
  if (front === undefined || direct === undefined) throw new Error("used before beforeAll");
  const { url, token } = front.openSession();
  const { command } = direct;
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
  // Most are killed before they can release the lock.
  expect(report.takeovers).toBeGreaterThanOrEqual(5);
}, 60_000);
