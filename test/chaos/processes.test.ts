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
    kills: 12,
    stopEvery: 4,
  }).run();
  expect(report.violations).toEqual([]);
  expect(report.kills).toBeGreaterThanOrEqual(12);
  expect(report.stops).toBeGreaterThanOrEqual(1);
  expect(report.updates).toBeGreaterThan(0);
  // Most are killed before they can release the lock.
  expect(report.takeovers).toBeGreaterThanOrEqual(4);
  // Each kill waits for a process to start, which is slow on a busy machine.
});
