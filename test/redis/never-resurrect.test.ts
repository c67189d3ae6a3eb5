import { expect, it } from "vitest";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it("R2 a renewal whose lock is missing is LOST and creates nothing", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 10_000 });
  await scene.command("DEL", owner.lockKey);
  expect(await owner.renew({ ttlMs: 60_000 })).toEqual(["lost"]);
  expect(await scene.exists(owner.lockKey)).toBe(false);
  expect(await scene.pttl(owner.procKey)).toBeLessThanOrEqual(10_000);
});

it("R2 a renewal whose proc key is missing is LOST, creates nothing and lengthens nothing", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 10_000 });
  await scene.command("DEL", owner.procKey);
  expect(await owner.renew({ ttlMs: 60_000 })).toEqual(["lost"]);
  expect(await scene.exists(owner.procKey)).toBe(false);
  expect(await scene.pttl(owner.lockKey)).toBeLessThanOrEqual(10_000);
});

it("R2 a renewal that finds neither is LOST and creates neither", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("DEL", owner.lockKey, owner.procKey);
  expect(await owner.renew()).toEqual(["lost"]);
  expect(await scene.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
});

it("R2 in one renewal of several locks each has its own outcome", async () => {
  const scene = scenes.open();
  const [kept, lost] = [scene.owner("kept"), scene.owner("lost")];
  await kept.acquire({ ttlMs: 10_000 });
  await lost.acquire({ ttlMs: 10_000 });
  await scene.command("DEL", lost.lockKey);
  const requests = [lost, kept].map(({ claims: [{ key, lockData }], fence = 0 }) => ({
    key,
    lockData: { ...lockData, fence },
    ttlMs: 60_000,
    livenessMs: 60_000,
  }));
  expect(await scene.database.renew(requests)).toEqual(["lost", "renewed"]);
  expect(await scene.exists(lost.lockKey)).toBe(false);
  expect(await scene.pttl(kept.lockKey)).toBeGreaterThan(40_000);
});

it("R2 an acquire sent again after its proc key is gone is LOST, and no renewal resurrects it", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire({ ttlMs: 10_000 });
  await scene.command("DEL", owner.procKey);
  expect(await owner.acquire({ ttlMs: 60_000 })).toEqual({ status: "lost" });
  expect(await owner.renew({ ttlMs: 60_000 })).toEqual(["lost"]);
  expect(await scene.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
});

it("R2 tryUpdate of a missing lock is NO_KEY and creates nothing", async () => {
  const scene = scenes.open();
  const { lockData } = scene.owner().claims[0];
  expect(await scene.database.tryUpdate("key", lockData, 10_000, lockData.ownerHash)).toEqual({
    status: "NO_KEY",
    lockData: null,
  });
  expect(await scene.exists(scene.lockKey())).toBe(false);
});

it("R2 extend of a lock whose key was deleted rejects and creates nothing", async () => {
  const scene = scenes.open();
  const lock = await scene.rest.locks().acquire("key", { autoRenew: false });
  await scene.command("DEL", scene.lockKey());
  await expect(lock.extend(60_000)).rejects.toMatchObject({ code: "LOCK_EXTENSION" });
  expect(await scene.exists(scene.lockKey())).toBe(false);
  await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
});
