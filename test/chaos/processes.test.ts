import { expect, it } from "vitest";
import { useDirectFront } from "./direct-front.ts";
import { KillTest } from "./kill.ts";

const directFront = useDirectFront();

it("processes killed or paused in their critical sections cause no lost update, and are taken over from in time", async () => {
  const { front, direct } = directFront();
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
  // A busy machine delays some of them; that all are late has another cause.
  expect(report.inTime).toBeGreaterThan(0);
});
