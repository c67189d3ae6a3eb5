import { expect, it } from "vitest";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it("R7 the empty string at a lock key counts as absent", async () => {
  const scene = scenes.open();
  const { database } = scene;
  const { ownerHash } = scene.owner();
  const { lockData } = scene.owner().claims[0];
  await scene.command("SET", scene.lockKey(), "");
  expect(await database.inspect("key")).toBeNull();
  expect(await database.readLockData("key")).toBeNull();
  expect(await database.tryUpdate("key", lockData, 1_000, ownerHash)).toMatchObject({
    status: "NO_KEY",
  });
  expect(await database.tryDelete("key", ownerHash)).toMatchObject({ status: "NO_KEY" });
  expect(await scene.owner().renew()).toEqual(["lost"]);
  expect(await scene.owner().release()).toMatchObject({ status: "missing" });
  expect(await database.forceDelete("key", null)).toBe(false);
  expect(await scene.owner().acquire()).toMatchObject({ status: "granted" });
  await scene.command("SET", scene.lockKey(), "");
  expect(await database.tryCreate("key", lockData, 1_000)).toMatchObject({ status: "SUCCESS" });
});

it("R7 an expiring piece of garbage shows how long it blocks", async () => {
  const scene = scenes.open();
  await scene.command("SET", scene.lockKey(), "held by hand", "PX", 20_000);
  const refused = await scene.owner().acquire();
  expect(refused).toMatchObject({ status: "held", lockData: null });
  expect(refused).toHaveProperty(
    "remainingMs",
    expect.toSatisfy((ms) => ms > 0 && ms <= 20_000),
  );
});

it("R7 bytes that are not text count as held, and forceRelease removes them", async () => {
  const scene = scenes.open();
  const { session } = scene.rest;
  const response = await fetch(`${session.url}/set/${encodeURIComponent(scene.lockKey())}`, {
    method: "POST",
    headers: { authorization: `Bearer ${session.token}` },
    body: Uint8Array.from([0, 255, 254, 128]),
  });
  expect(response.status).toBe(200);
  const locks = scene.rest.locks();
  expect(await locks.tryAcquire("key")).toBeNull();
  expect(await locks.forceRelease("key")).toBe(true);
  expect(await locks.isLocked("key")).toBe(false);
});

it.each(["held by hand", "1", "null", "[]", "{}", '{"ownerHash":"a"}', '{"ownerHash":'])(
  "R7 %s is not a record to readLockData, and not liveness to readProcessData",
  async (garbage) => {
    const scene = scenes.open();
    const { procKey, processHash } = scene.owner();
    await scene.command("SET", scene.lockKey(), garbage);
    await scene.command("SET", procKey, garbage);
    expect(await scene.database.readLockData("key")).toBeNull();
    expect(await scene.database.readProcessData(processHash)).toBeNull();
  },
);

it("R7 garbage at one of several keys refuses them all, and takes none of its own from a holder", async () => {
  const scene = scenes.open();
  const owner = scene.owner(["a", "b"]);
  await owner.acquire();
  await scene.command("SET", scene.lockKey("b"), "held by hand");
  expect(await owner.acquire()).toMatchObject({ key: "b", lockData: null });
  expect(await scene.exists(scene.lockKey("a"))).toBe(true);
  expect(await scene.text(scene.lockKey("b"))).toBe("held by hand");
});

it("R7 a field of a wrong type in an otherwise valid record is ignored, and the holder respected", async () => {
  const scene = scenes.open();
  const stored = {
    ownerHash: "key@other/1.2.0",
    processHash: "other/1.2",
    trace: 5,
    acquiredAt: false,
    fence: "12",
    livenessMs: [1],
  };
  await scene.command("SET", scene.lockKey(), JSON.stringify(stored), "PX", 20_000);
  expect(await scene.owner().acquire()).toMatchObject({
    status: "held",
    lockData: {
      ownerHash: "key@other/1.2.0",
      processHash: "other/1.2",
      acquiredAt: "",
      extendedAt: "",
    },
  });
});

it("R7 garbage at a proc key keeps its lock alive, and is not process data", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("DEL", owner.procKey);
  await scene.command("RPUSH", owner.procKey, "a");
  expect(await scene.database.readProcessData(owner.processHash)).toBeNull();
  const thief = scene.owner();
  expect(await thief.acquire({ suspects: owner.suspects })).toMatchObject({
    status: "held",
  });
  expect(await owner.renew()).toEqual(["renewed"]);
  await scene.database.saveProcessData(owner.processHash, { aliveAt: "now" }, 1_000);
  expect(await scene.database.readProcessData(owner.processHash)).toEqual({ aliveAt: "now" });
  expect(await owner.release()).toMatchObject({ status: "released" });
});

it("R7 garbage at a tombstone's key ends its owner hash, and the release is answered", async () => {
  const scene = scenes.open();
  const owner = scene.owner();
  await owner.acquire();
  await scene.command("DEL", owner.goneKey);
  await scene.command("RPUSH", owner.goneKey, "a");
  expect(await owner.release()).toMatchObject({ status: "released" });
  await scene.command("DEL", owner.goneKey);
  await scene.command("RPUSH", owner.goneKey, "a");
  expect(await owner.acquire()).toEqual({ status: "gone" });
  expect(await scene.database.forceDelete("key", owner.ownerHash)).toBe(false);
});

it.each(["a list", "text", "the empty string", "a fraction"])(
  "R7 %s at the fence counter refuses an acquire for certain, and leaves nothing",
  async (what) => {
    const scene = scenes.open();
    const owner = scene.owner();
    const values: Record<string, string> = { text: "many", "a fraction": "1.5" };
    if (what === "a list") await scene.command("RPUSH", scene.fenceKey(), "a");
    else await scene.command("SET", scene.fenceKey(), values[what] ?? "");
    await expect(owner.acquire()).rejects.toMatchObject({ applied: "no", retriable: false });
    expect(await scene.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
  },
);
