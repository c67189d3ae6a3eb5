import { expect, it } from "vitest";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
const LONG_MS = 60_000;
const SHORT_MS = 1_000;
/** No test takes long enough for a minute to drop below this. */
const STILL_LONG_MS = 40_000;

it("R1 an acquire sent again with shorter times shortens neither the lock nor its liveness", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: LONG_MS });
  const again = await owner.acquire({ ttlMs: SHORT_MS });
  expect(again).toEqual({ status: "granted", fence: owner.fence, takenOver: undefined });
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 an acquire sent again with longer times lengthens both", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 5_000 });
  await owner.acquire({ ttlMs: LONG_MS });
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 a late, shorter renewal never shortens the remaining time", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: LONG_MS });
  expect(await owner.renew({ ttlMs: SHORT_MS })).toEqual(["renewed"]);
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 an extension lengthens lock and liveness, and a plain renewal after it shortens neither", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 5_000 });
  expect(await owner.renew({ ttlMs: LONG_MS })).toEqual(["renewed"]);
  expect(await owner.renew({ ttlMs: 5_000 })).toEqual(["renewed"]);
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 lock and liveness are lengthened independently", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: LONG_MS, livenessMs: 5_000 });
  expect(await owner.renew({ ttlMs: SHORT_MS, livenessMs: LONG_MS })).toEqual(["renewed"]);
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 a renewal of 0 ms only checks: it changes neither times nor records", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: LONG_MS });
  const before = await scene.text(owner.lockKey);
  const changed = { ...owner.claims[0].lockData, fence: owner.fence ?? 0, extendedAt: "later" };
  const request = { key: "key", lockData: changed, ttlMs: 0, livenessMs: 0 };
  expect(await scene.database.renew([request])).toEqual(["renewed"]);
  expect(await scene.text(owner.lockKey)).toBe(before);
  expect(await scene.pttl(owner.lockKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 a lock whose expiry was removed gets none from its owner's renewal", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("PERSIST", owner.lockKey);
  expect(await owner.renew()).toEqual(["renewed"]);
  await owner.acquire();
  expect(await scene.pttl(owner.lockKey)).toBe(-1);
});

it("R1 completing several keys of which one is already held does not shorten that one", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire({ ttlMs: LONG_MS });
  await scene.command("DEL", scene.lockKey("b"));
  expect(await owner.acquire({ ttlMs: SHORT_MS })).toMatchObject({ status: "granted" });
  expect(await scene.pttl(scene.lockKey("a"))).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.pttl(owner.procKey)).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 tryUpdate with a shorter ttl rewrites the record and keeps the remaining time", async () => {
  const scene = scenes.open();
  const { lockData } = scene.owner().claims[0];
  await scene.database.tryCreate("key", lockData, LONG_MS);
  const changed = { ...lockData, extendedAt: "2001-01-01T00:00:00.000Z" };
  const outcome = await scene.database.tryUpdate("key", changed, SHORT_MS, lockData.ownerHash);
  expect(outcome).toEqual({ status: "SUCCESS", lockData: changed });
  expect(await scene.record()).toEqual(changed);
  expect(await scene.pttl(scene.lockKey())).toBeGreaterThan(STILL_LONG_MS);
  await scene.database.tryUpdate("key", changed, 2 * LONG_MS, lockData.ownerHash);
  expect(await scene.pttl(scene.lockKey())).toBeGreaterThan(LONG_MS);
});

it("R1 tryCreate sent again with a shorter ttl keeps the remaining time", async () => {
  const scene = scenes.open();
  const { lockData } = scene.owner().claims[0];
  await scene.database.tryCreate("key", lockData, LONG_MS);
  const again = await scene.database.tryCreate("key", lockData, SHORT_MS);
  expect(again).toEqual({ status: "SUCCESS", lockData });
  expect(await scene.pttl(scene.lockKey())).toBeGreaterThan(STILL_LONG_MS);
});

it("R1 saveProcessData with a shorter ttl keeps the process alive as long as before", async () => {
  const scene = scenes.open();
  const { procKey, processHash } = scene.owner();
  await scene.database.saveProcessData(processHash, { aliveAt: "first" }, LONG_MS);
  await scene.database.saveProcessData(processHash, { aliveAt: "second" }, SHORT_MS);
  expect(await scene.pttl(procKey)).toBeGreaterThan(STILL_LONG_MS);
  expect(await scene.database.readProcessData(processHash)).toEqual({ aliveAt: "second" });
  await scene.database.saveProcessData(processHash, { aliveAt: "third" }, 2 * LONG_MS);
  expect(await scene.pttl(procKey)).toBeGreaterThan(LONG_MS);
});
