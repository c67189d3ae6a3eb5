import { Cron } from "croner";
import { expect, it } from "vitest";
import { LockService } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { eventually } from "../dev/eventually.ts";

it("an occurrence runs once in all processes with croner that name it by when it was due", async () => {
  const database = new MemoryDatabase();
  const [ran, asked]: [string[], string[]] = [[], []];
  const jobs = [1, 2, 3].map(() => {
    const locks = new LockService({ database });
    // As in docs/crons.md.
    return new Cron("* * * * * *", { timezone: "UTC", maxRuns: 2 }, async (job: Cron) => {
      const [due] = job.previousRuns(1, new Date(Date.now() + 1));
      asked.push(String(due?.toISOString()));
      await locks.once(`cron:nightly:${due?.toISOString()}`, () => {
        ran.push(String(due?.toISOString()));
      });
    });
  });
  await eventually("all have been due twice", () => asked.length === 6);
  await eventually("none runs", () => jobs.every((job) => !job.isBusy()));
  expect(ran.toSorted()).toEqual([...new Set(asked)].toSorted());
  expect(ran.every((due) => due.endsWith(".000Z"))).toBe(true);
});
