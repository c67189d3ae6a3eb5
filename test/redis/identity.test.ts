import { expect, it } from "vitest";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it("R3 a stale owner can neither renew nor release its successor's lock", async () => {
  const scene = scenes.open();
  const [stale, successor] = [scene.owner(), scene.owner()];
  await stale.acquire();
  await scene.command("DEL", stale.lockKey);
  await successor.acquire({ ttlMs: 10_000 });
  const stored = await scene.text(successor.lockKey);
  expect(await stale.renew({ ttlMs: 60_000 })).toEqual(["lost"]);
  expect(await stale.release()).toEqual({
    status: "held",
    lockData: JSON.parse(stored ?? ""),
  });
  expect(await scene.text(successor.lockKey)).toBe(stored);
  expect(await scene.pttl(successor.lockKey)).toBeLessThanOrEqual(10_000);
  expect(await successor.release()).toEqual({ status: "released", lockData: null });
});

it("R3 another fence under one's own owner hash is LOST in renew, and nothing is lengthened", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 10_000 });
  const stored = await scene.text(owner.lockKey);
  expect(await owner.renew({ ttlMs: 60_000, fence: (owner.fence ?? 0) - 1 })).toEqual(["lost"]);
  expect(await scene.text(owner.lockKey)).toBe(stored);
  expect(await scene.pttl(owner.lockKey)).toBeLessThanOrEqual(10_000);
  expect(await scene.pttl(owner.procKey)).toBeLessThanOrEqual(10_000);
});

it("R3 a renewal without a fence is LOST where one is stored", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  owner.fence = undefined;
  expect(await owner.renew()).toEqual(["lost"]);
});

it("R3 a release under another fence deletes its own hash, and is NO_KEY even when sent twice", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  const other = (owner.fence ?? 0) + 1;
  expect(await owner.release(other)).toEqual({ status: "missing", lockData: null });
  expect(await scene.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
  expect(await owner.release(other)).toEqual({ status: "missing", lockData: null });
  expect(await owner.acquire()).toEqual({ status: "gone" });
});

it("R3 a compensating release, which knows no fence, deletes its own hash whatever the fence", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  owner.fence = undefined;
  expect(await owner.release()).toEqual({ status: "released", lockData: null });
  expect(await scene.exists(owner.lockKey)).toBe(false);
});

it("R3 isHeld is false once another fence is stored under the same owner hash", async () => {
  const scene = scenes.open();
  const lock = await scene.rest.locks().acquire("key", { autoRenew: false });
  expect(await lock.isHeld()).toBe(true);
  const record = { ...(await scene.record()), fence: (lock.fence ?? 0) + 1 };
  await scene.command("SET", scene.lockKey(), JSON.stringify(record), "KEEPTTL");
  expect(await lock.isHeld()).toBe(false);
  await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
});

it("R3 forceDelete deletes only the owner it names", async () => {
  const scene = scenes.open();
  const [holder, other] = [scene.owner(), scene.owner()];
  await holder.acquire();
  expect(await scene.database.forceDelete("key", other.ownerHash)).toBe(false);
  expect(await scene.database.forceDelete("key", null)).toBe(false);
  expect(await scene.exists(holder.lockKey)).toBe(true);
  expect(await scene.database.forceDelete("key", holder.ownerHash)).toBe(true);
  expect(await scene.exists(holder.lockKey)).toBe(false);
});

it("R3 tryUpdate and tryDelete leave another owner's record alone and show it", async () => {
  const scene = scenes.open();
  const [holder, other] = [scene.owner(), scene.owner()];
  await holder.acquire();
  const lockData = await scene.database.readLockData("key");
  const refused = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData };
  const intruder = other.claims[0].lockData;
  const { database } = scene;
  expect(await database.tryCreate("key", intruder, 60_000)).toEqual(refused);
  expect(await database.tryUpdate("key", intruder, 60_000, other.ownerHash)).toEqual(refused);
  expect(await database.tryDelete("key", other.ownerHash)).toEqual(refused);
  expect(await scene.database.readLockData("key")).toEqual(lockData);
});
