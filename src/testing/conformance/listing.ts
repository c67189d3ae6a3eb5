import type { ListRequest, ListedJob, ListedLock } from "../../database/listing.ts";
import { listOperation } from "../../database/listing.ts";
import { define, type Definition } from "./definition.ts";
import { REMEMBER_MS, Run } from "./job.ts";
import { TTL_MS, type Scene } from "./scene.ts";
import { between, has, rejects, same } from "./verify.ts";

type Entry = ListedLock | ListedJob;

/** Every page, one after another; by key. */
async function listAll({ database }: Scene, request: ListRequest = {}): Promise<Entry[]> {
  const entries = new Map<string, Entry>();
  let cursor: string | null | undefined;
  do {
    const page = await listOperation(database)({ ...request, ...(cursor ? { cursor } : {}) });
    for (const entry of page.entries) entries.set(`${entry.kind} ${entry.key}`, entry);
    ({ cursor } = page);
  } while (cursor !== null);
  return [...entries.values()].toSorted((one, other) => (one.key < other.key ? -1 : 1));
}

async function keysOf(scene: Scene, request?: ListRequest): Promise<string[]> {
  return (await listAll(scene, request)).map(({ key }) => key);
}

/** What looks like part of a glob, JSON, a number, one of our own names, or a command to a terminal. */
const STRANGE = [
  "*",
  "[a]",
  "\\",
  '{"a":1}',
  "12",
  "null",
  '"',
  "lock:a",
  "done:b",
  "\u001B[2J",
  "ü\n",
];

/** Operators see what there is, in pages, whatever else is stored there. */
export const listing: readonly Definition[] = [
  define("a listing has the locks that are held, as inspect sees them", ["list"], async (scene) => {
    same(await listAll(scene), [], "an empty database");
    const [one, ended] = [scene.owner("a", { trace: "of a case" }), scene.owner("b")];
    await one.acquires();
    await ended.acquires();
    await ended.releases("released");
    const [entry, ...others] = await listAll(scene);
    same(others, [], "other entries");
    const lockData = await scene.database.readLockData("a");
    has(entry, { kind: "lock", key: "a", lockData, alive: true }, "the entry");
    if (scene.database.capabilities.remainingMs) {
      between(entry?.remainingMs, TTL_MS / 2, TTL_MS, "remainingMs");
    }
  }),

  define("a listing tells a dead holder from a live one", ["list"], async (scene) => {
    const alive = scene.owner("alive", { livenessMs: null });
    await alive.acquires();
    await scene.deadOwner("dead");
    const holder = scene.owner("dead too", { livenessMs: null });
    await holder.acquires({ livenessMs: 200 });
    await scene.pass(400);
    const entries = await listAll(scene);
    for (const entry of entries) {
      const seen = await scene.database.inspect(entry.key);
      has(entry, { alive: seen?.alive }, `the holder of "${entry.key}"`);
    }
    same(entries.length, 3, "entries");
  }),

  define(
    "a listing has the jobs that are remembered, without their results",
    ["list", "results"],
    async (scene) => {
      const [run, running] = [new Run(scene, "a"), new Run(scene, "b")];
      await run.isAdmitted();
      await run.completes();
      await running.isAdmitted();
      const [job, lock, ...others] = await listAll(scene);
      same(others, [], "other entries");
      const { result, ...record } = run.record;
      const bytes = JSON.stringify(run.record).length;
      const hasResult = result !== undefined;
      has(job, { kind: "job", key: "a", record, hasResult, bytes }, "the job");
      between(job?.remainingMs, REMEMBER_MS / 2, REMEMBER_MS, "remainingMs");
      has(lock, { kind: "lock", key: "once:b" }, "the lock of a job that runs");
    },
  ),

  define("a listing in pages of one entry has every key", ["list"], async (scene) => {
    const keys = Array.from({ length: 25 }, (_, index) => `key ${String(index).padStart(2, "0")}`);
    for (const key of keys) await scene.owner(key).acquires();
    same(await keysOf(scene, { limit: 1 }), keys, "keys");
  }),

  define("a listing finds what matches a glob, and nothing else", ["list"], async (scene) => {
    for (const key of ["a:1", "a:2", "a:12", "b:1", "a*"]) await scene.owner(key).acquires();
    same(await keysOf(scene, { match: "a:*" }), ["a:1", "a:12", "a:2"], "a:*");
    same(await keysOf(scene, { match: "?:1" }), ["a:1", "b:1"], "?:1");
    same(await keysOf(scene, { match: "[^b]:[0-1]" }), ["a:1"], "[^b]:[0-1]");
    same(await keysOf(scene, { match: "a\\*" }), ["a*"], "an escaped star");
    same(await keysOf(scene, { match: "a" }), [], "a whole key only");
  }),

  define("a listing shows every key as it is", ["list"], async (scene) => {
    for (const key of STRANGE) await scene.owner(key).acquires();
    same(await keysOf(scene), STRANGE.toSorted(), "keys");
  }),

  define(
    "R7 a listing shows garbage at a lock or a job as unreadable, and leaves out the rest",
    ["list", "storage"],
    async (scene) => {
      const { storage } = scene;
      const garbage = { lockData: null, remainingMs: null, alive: true };
      await storage.write("lock:a", "no record", null);
      await storage.write("lock:b", JSON.stringify({ ownerHash: 1, processHash: [] }), null);
      await storage.write("lock:c", "x".repeat(100_000), null);
      await storage.write("lock:d", "", null);
      await storage.write("done:e", "no record", null);
      await storage.write("done:f", "", null);
      await storage.write("proc:g", "a process", null);
      await storage.write("gone:h", "released", null);
      await storage.write("fence", "foreign", null);
      const [a, b, c, e, ...others] = await listAll(scene);
      same(others, [], "other entries");
      same(a, { kind: "lock", key: "a", ...garbage }, "a");
      same(b, { kind: "lock", key: "b", ...garbage }, "b");
      same(c, { kind: "lock", key: "c", ...garbage }, "c");
      has(e, { kind: "job", key: "e", record: null, hasResult: false, bytes: 9 }, "e");
    },
  ),

  define(
    "R7 a listing shows a lock that is no text as unreadable",
    ["list", "storage", "noText"],
    async (scene) => {
      await scene.storage.writeNoText?.("lock:a");
      await scene.storage.writeNoText?.("done:b");
      const [lock, job] = await listAll(scene);
      has(lock, { kind: "lock", key: "a", lockData: null, remainingMs: null }, "a lock");
      has(job, { kind: "job", key: "b", record: null }, "a job");
    },
  ),

  define("a listing refuses what it cannot mean, and names it", ["list"], async (scene) => {
    const list = async (request: object): Promise<unknown> =>
      listOperation(scene.database)(request);
    for (const request of [{ limit: 0 }, { limit: 1_001 }, { match: 1 }, { cursor: 1 }]) {
      const refused = list(request);
      await rejects(refused, { option: Object.keys(request)[0] }, JSON.stringify(request));
    }
    await rejects(list({ pattern: "a" }), { option: "pattern" }, "an unknown option");
  }),
];
