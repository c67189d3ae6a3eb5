import { describe, expect, it } from "vitest";
import { useDirectFront } from "./direct-front.ts";
import { WIRE_FAULTS } from "./faults.ts";
import { JOB_SCRIPTS, runJobs, type JobsReport } from "./jobs.ts";
import { inPool } from "./pool.ts";

/** Of three jobs each. */
const SEEDS = Array.from({ length: 100 }, (_, at) => at + 1);
const AT_ONCE = 12;
const MIN_HITS = 400;
const MIN_SHARE = 0.2;
const MIN_HITS_OF_EACH = 5;

const directFront = useDirectFront();

describe("O1 to O5 with a fault in every fourth request to the wire", () => {
  const reports: JobsReport[] = [];
  const all = <T>(of: (report: JobsReport) => Iterable<T>): T[] =>
    reports.flatMap((r) => [...of(r)]);

  it("a job never completes twice, nor wedges, and whatever a caller is told is true", async () => {
    const tools = directFront();
    await inPool(SEEDS, AT_ONCE, async (seed) => {
      reports.push(await runJobs(seed, tools));
    });
    expect(all(({ violations }) => violations)).toEqual([]);
  });

  it("every outcome was among them, and runs that failed or lost their lock", () => {
    const told = all((report) => report.told);
    const statuses = told.map((one) =>
      one.status === "ran" ? `${one.status}, ${one.remembered}` : one.status,
    );
    expect([...new Set(statuses)].toSorted()).toEqual([
      "failed",
      "ran, marker",
      "ran, result",
      "ran, unknown",
      "remembered",
      "running",
    ]);
    const errors = told.flatMap((one) => (one.status === "failed" ? [String(one.error)] : []));
    for (const kind of ["declined", "LockLostError", "LockAcquisitionError"]) {
      expect(errors.filter((error) => error.includes(kind)).length, kind).toBeGreaterThan(0);
    }
    const runs = all((report) => report.runs);
    expect(runs.filter(({ error }) => error !== undefined).length).toBeGreaterThan(
      runs.length / 10,
    );
  });

  it(`at least ${MIN_HITS} requests were hit, ${MIN_HITS_OF_EACH} of each script and by each fault`, () => {
    const hits = all((report) => report.hits);
    const sum = (of: (name: string) => boolean): number =>
      hits.reduce((total, [name, count]) => total + (of(name) ? count : 0), 0);
    const total = sum(() => true);
    expect(total).toBeGreaterThanOrEqual(MIN_HITS);
    const requests = reports.reduce((count, report) => count + report.requests, 0);
    expect(total / requests).toBeGreaterThan(MIN_SHARE);
    for (const script of JOB_SCRIPTS) {
      expect(
        sum((name) => name.startsWith(`${script}: `)),
        script,
      ).toBeGreaterThanOrEqual(MIN_HITS_OF_EACH);
    }
    for (const fault of Object.keys(WIRE_FAULTS)) {
      expect(
        sum((name) => name.endsWith(`: ${fault}`)),
        fault,
      ).toBeGreaterThanOrEqual(MIN_HITS_OF_EACH);
    }
  });
});
