import { expect, it } from "vitest";
import { RedisDatabase } from "../../src/index.ts";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PROCESS = /^[^/@]+\/\d+\.\d+$/;

it("a lock of the service is stored in distributed-locker's format, with fence and livenessMs", async () => {
  const scene = scenes.open();
  const locks = scene.rest.locks({ keyPrefix: "shop:" });
  const lock = await locks.acquire("order:17", { ttl: 20_000, trace: "pay", autoRenew: false });
  const record = await scene.record("shop:order:17");
  const processHash = String(record?.["processHash"]);
  expect(record).toEqual({
    ownerHash: `shop:order:17@${processHash}.0#pay`,
    processHash: expect.stringMatching(PROCESS),
    trace: "pay",
    acquiredAt: expect.stringMatching(ISO),
    extendedAt: record?.["acquiredAt"],
    fence: lock.fence,
    livenessMs: 20_000,
  });
  expect(lock.token).toBe(record?.["ownerHash"]);
  expect(await scene.text(scene.lockKey("shop:order:17"))).toMatch(/"fence":[1-9]\d*\}$/);
  expect(JSON.parse((await scene.text(`${scene.prefix}proc:${processHash}`)) ?? "")).toEqual({
    aliveAt: expect.stringMatching(ISO),
  });
  await lock.release();
});

it("a lock without trace stores none", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  expect(await scene.record()).not.toHaveProperty("trace");
  expect(owner.ownerHash).toBe(`key@${owner.processHash}.0`);
});

it("the lock lasts for its TTL, the proc key for its liveness, the counter forever", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 60_000, livenessMs: 20_000 });
  const [lockMs, procMs] = [await scene.pttl(owner.lockKey), await scene.pttl(owner.procKey)];
  expect(lockMs).toBeGreaterThan(40_000);
  expect(lockMs).toBeLessThanOrEqual(60_000);
  expect(procMs).toBeGreaterThan(10_000);
  expect(procMs).toBeLessThanOrEqual(20_000);
  expect(await scene.pttl(scene.fenceKey())).toBe(-1);
});

it("one acquisition uses these keys and no others", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  const keys = (await scene.command("KEYS", `${scene.prefix}*`)) as string[];
  const { lockKey, procKey, goneKey } = owner;
  expect(keys.toSorted()).toEqual([scene.fenceKey(), lockKey, procKey, goneKey].toSorted());
  await owner.release();
  const after = (await scene.command("KEYS", `${scene.prefix}*`)) as string[];
  expect(after.toSorted()).toEqual([scene.fenceKey(), goneKey].toSorted());
});

it("a renewal stores the record it is given, with its fence, and a new aliveAt", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("SET", owner.procKey, "{}", "KEEPTTL");
  const { fence = 0 } = owner;
  const lockData = { ...owner.claims[0].lockData, fence, extendedAt: "2030-01-01T00:00:00.000Z" };
  const request = { key: "key", lockData, ttlMs: 60_000, livenessMs: 60_000 };
  expect(await scene.database.renew([request])).toEqual(["renewed"]);
  expect(await scene.record()).toEqual(lockData);
  expect(await scene.database.readProcessData(owner.processHash)).toEqual({
    aliveAt: expect.stringMatching(ISO),
  });
});

it("the primitives store what they are given, and read it back", async () => {
  const scene = scenes.open();
  const { database } = scene;
  const { lockData } = scene.owner("key", { trace: "t", livenessMs: null }).claims[0];
  const { processHash, ownerHash } = lockData;
  const created = { status: "SUCCESS", lockData };
  expect(await database.tryCreate("key", lockData, 5_000)).toEqual(created);
  expect(await scene.record()).toEqual(lockData);
  expect(await scene.pttl(scene.lockKey())).toBeLessThanOrEqual(5_000);
  expect(await database.readLockData("key")).toEqual(lockData);
  expect(await database.tryDelete("key", ownerHash)).toEqual({ status: "SUCCESS", lockData: null });
  expect(await database.tryDelete("key", ownerHash)).toEqual({ status: "NO_KEY", lockData: null });
  expect(await database.readLockData("key")).toBeNull();
  await database.saveProcessData(processHash, { aliveAt: "now" }, 5_000);
  expect(await database.readProcessData(processHash)).toEqual({ aliveAt: "now" });
  expect(await database.readProcessData("nobody/1.2")).toBeNull();
  await database.terminate();
});

it("keys and traces in any script are preserved", async () => {
  const scene = scenes.open();
  for (const key of [
    "ключ/鍵 🔑",
    '"quoted" \\ {"a":1}',
    "line\nbreak\t",
    "null",
    "123",
    "*?[a]",
  ]) {
    const owner = scene.owner(key, { trace: `путь ${key}` });
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
    expect(await owner.renew()).toEqual(["renewed"]);
    expect(await scene.owner(key).acquire()).toMatchObject({
      key,
      lockData: { ownerHash: owner.ownerHash, trace: `путь ${key}` },
    });
    expect(await owner.release()).toMatchObject({ status: "released" });
  }
});

it("two prefixes do not see each other, and the default prefix is leasehold:", async () => {
  const scene = scenes.open();
  const other = new RedisDatabase(scene.rest.redis, { prefix: `${scene.prefix}other:` });
  const owner = scene.owner();
  await owner.acquire();
  expect(await other.inspect("key")).toBeNull();
  const bare = new RedisDatabase(scene.rest.redis);
  expect(await bare.readLockData(`${scene.prefix}key`)).toBeNull();
  await scene.command(
    "SET",
    `leasehold:lock:${scene.prefix}key`,
    (await scene.text(owner.lockKey)) ?? "",
  );
  expect(await bare.readLockData(`${scene.prefix}key`)).toMatchObject({
    ownerHash: owner.ownerHash,
  });
  await scene.command("DEL", `leasehold:lock:${scene.prefix}key`);
});
