import { expect, it } from "vitest";
import { useDatabase, type DatabaseScene } from "../support/database-scene.ts";

const scenes = useDatabase();
const PROCESS = "web-1/4711.1700000000";
const OWNER = `key@${PROCESS}.3#checkout`;

/** What a Node process running distributed-locker stores: no fence, no livenessMs, a long TTL. */
async function lockElsewhere({ command, prefix }: DatabaseScene, isAlive: boolean): Promise<void> {
  const now = new Date().toISOString();
  const record = {
    ownerHash: OWNER,
    processHash: PROCESS,
    trace: "checkout",
    acquiredAt: now,
    extendedAt: now,
  };
  await command("SET", `${prefix}lock:key`, JSON.stringify(record), "PX", 300_000);
  const proc = `${prefix}proc:${PROCESS}`;
  if (isAlive) await command("SET", proc, JSON.stringify({ aliveAt: now }), "PX", 10_000);
}

it("a record of distributed-locker whose process is alive is respected, and shown", async () => {
  const scene = scenes.open();
  await lockElsewhere(scene, true);
  const locks = scene.rest.locks();
  const stored = await scene.text(scene.lockKey());
  expect(await locks.tryAcquire("key")).toBeNull();
  expect(await locks.isLocked("key")).toBe(true);
  expect(await locks.inspect("key")).toMatchObject({
    holder: OWNER,
    trace: "checkout",
    fence: null,
    alive: true,
  });
  expect(await scene.text(scene.lockKey())).toBe(stored);
});

it("a record of distributed-locker whose process is gone is taken over at once", async () => {
  const scene = scenes.open();
  await lockElsewhere(scene, false);
  const locks = scene.rest.locks();
  expect(await locks.isLocked("key")).toBe(false);
  expect(await locks.inspect("key")).toMatchObject({ holder: OWNER, alive: false });
  const lock = await locks.acquire("key", { autoRenew: false });
  expect(await scene.text(`${scene.prefix}gone:${OWNER}`)).toBe("taken");
  expect(await scene.record()).toMatchObject({ ownerHash: lock.token, fence: lock.fence });
  await lock.release();
});

it("a process of distributed-locker respects our record like one of its own", async () => {
  const scene = scenes.open();
  const locks = scene.rest.locks();
  const lock = await locks.acquire("key", { trace: "ours", autoRenew: false });
  const record = await scene.record();
  const processHash = String(record?.["processHash"]);
  // What it checks: the record is there, and the process it names reports itself alive.
  expect(await scene.database.readLockData("key")).toMatchObject({ ownerHash: lock.token });
  expect(await scene.database.readProcessData(processHash)).not.toBeNull();
  const { lockData } = scene.owner("key", { livenessMs: null }).claims[0];
  expect(await scene.database.tryCreate("key", lockData, 60_000)).toMatchObject({
    status: "SOMEONE_ELSE_HOLDS_LOCK",
    lockData: { ownerHash: lock.token, trace: "ours" },
  });
  await lock.release();
  expect(await scene.database.tryCreate("key", lockData, 60_000)).toMatchObject({
    status: "SUCCESS",
  });
});

it("forceRelease removes a record of distributed-locker", async () => {
  const scene = scenes.open();
  await lockElsewhere(scene, true);
  expect(await scene.rest.locks().forceRelease("key")).toBe(true);
  expect(await scene.exists(scene.lockKey())).toBe(false);
});

it("a process that comes back between the refusal and the takeover keeps its lock", async () => {
  const scene = scenes.open();
  await lockElsewhere(scene, true);
  const suspects = [{ key: "key", ownerHash: OWNER, processHash: PROCESS }];
  expect(await scene.owner().acquire({ suspects })).toMatchObject({
    status: "held",
    lockData: { ownerHash: OWNER },
  });
});
