import { expect } from "vitest";
import type { RedisDatabase } from "../../src/index.ts";

/** One use of a script, and what it resolves with. */
export type ScriptRun = readonly [operation: () => Promise<unknown>, outcome: unknown];

/**
 * Uses every script, in an order in which each finds something to do. Leaves the key behind whose name
 * it resolves with.
 */
export async function everyScript(
  database: RedisDatabase,
  use: (run: ScriptRun) => Promise<void>,
): Promise<string> {
  const processHash = `b/1.${Math.random().toString().slice(2)}`;
  const ownerHash = `a@${processHash}.0`;
  // It does not outlive its process: nobody would look twice at it.
  const lockData = {
    ...database.createLockData({ ownerHash, processHash, trace: undefined }),
    livenessMs: 9_000,
  };
  const claims = [{ key: "a", lockData }];
  const times = { ttlMs: 9_000, livenessMs: 9_000 };
  const deleted = { status: "SUCCESS", lockData: null };
  let fence: number | undefined;
  const acquire = async (): Promise<unknown> => {
    const outcome = await database.acquire({ claims, ...times, suspects: [] });
    if (outcome.status === "granted") ({ fence } = outcome);
    return outcome.status;
  };
  const fenced = (): typeof lockData => ({ ...lockData, ...(fence !== undefined && { fence }) });
  await use([acquire, "granted"]);
  await use([() => database.renew([{ key: "a", lockData: fenced(), ...times }]), ["renewed"]]);
  await use([() => database.inspect("a"), expect.objectContaining({ lockData: fenced() })]);
  const listed = [expect.objectContaining({ key: "a", lockData: fenced() })];
  await use([() => database.list(), { entries: listed, cursor: null }]);
  await use([() => database.release({ claims, fence }), { status: "released", lockData: null }]);
  await use([() => database.forceDelete("a", ownerHash), false]);
  const jobProcess = `c/${processHash.slice(2)}`;
  const job = { ownerHash: `once:a@${jobProcess}.0`, processHash: jobProcess };
  const jobData = { ...database.createLockData({ ...job, trace: undefined }), livenessMs: 9_000 };
  const claim = { key: "once:a", lockData: jobData };
  const record = { ownerHash: job.ownerHash, completedAt: "2020-01-01T00:00:00.000Z" };
  const admit = async (): Promise<unknown> => {
    const request = { claims: [claim], resultKey: "a", ...times, suspects: [] } as const;
    const [outcome] = await database.admit([request]);
    fence = outcome?.status === "granted" ? outcome.fence : undefined;
    return outcome?.status;
  };
  const complete = () =>
    database.complete([{ claims: [claim], fence, resultKey: "a", record, rememberMs: 9_000 }]);
  await use([admit, "granted"]);
  await use([complete, [{ status: "released", lockData: null, kept: "marker" }]]);
  await use([() => database.recall("a"), record]);
  await use([() => database.forget("a", job.ownerHash), true]);
  await use([() => database.tryCreate("b", lockData, 9_000), { status: "SUCCESS", lockData }]);
  await use([() => database.readLockData("b"), lockData]);
  const update = () => database.tryUpdate("b", lockData, 9_000, ownerHash);
  await use([update, { status: "SUCCESS", lockData }]);
  await use([() => database.tryDelete("b", ownerHash), deleted]);
  const process = { aliveAt: "2020-01-01T00:00:00.000Z" };
  await use([() => database.saveProcessData(processHash, process, 9_000), undefined]);
  return `proc:${processHash}`;
}
