import { describe, expect, it } from "vitest";
import { RedisDatabase } from "../../src/index.ts";
import { CLIENTS } from "../support/database-clients.ts";
import { DatabaseScene, useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

/** A scene whose database uses such a client. */
function open(
  clientOf: (typeof CLIENTS)[number][1],
  options: { keyLocking?: boolean } = {},
): DatabaseScene {
  const { prefix, command, rest } = scenes.open();
  const database = new RedisDatabase(clientOf(rest.session), { prefix, ...options });
  return new DatabaseScene({ database, prefix, command });
}

describe.each(CLIENTS)("%s", (_, clientOf) => {
  it("returns the right outcomes of acquire, renew, inspect and release", async () => {
    const scene = open(clientOf);
    const [owner, other] = [scene.owner("ключ", { trace: "123" }), scene.owner("ключ")];
    expect(await scene.database.inspect("ключ")).toBeNull();
    expect(await owner.acquire()).toEqual({
      status: "granted",
      fence: Number(await scene.text(scene.fenceKey())),
      takenOver: undefined,
    });
    const lockData = { ...owner.claims[0].lockData, fence: owner.fence };
    const remainingMs: unknown = expect.toSatisfy((ms) => ms > 0 && ms <= 30_000);
    const held = { status: "held", lockData };
    expect(await other.acquire()).toEqual({ ...held, key: "ключ", remainingMs });
    expect(await scene.database.inspect("ключ")).toEqual({ lockData, remainingMs, alive: true });
    expect(await owner.renew()).toEqual(["renewed"]);
    expect(await other.renew()).toEqual(["lost"]);
    expect(await other.release()).toEqual(held);
    expect(await owner.release()).toEqual({ status: "released", lockData: null });
    expect(await owner.release()).toEqual({ status: "released", lockData: null });
    expect(await owner.acquire()).toEqual({ status: "gone" });
    expect(await scene.owner("ключ").release()).toEqual({ status: "missing", lockData: null });
  });

  it("returns the right outcomes of takeover, LOST, forceDelete and garbage", async () => {
    const scene = open(clientOf);
    const [dead, heir] = [scene.owner(), scene.owner()];
    await dead.acquire({ ttlMs: 60_000 });
    await scene.command("DEL", dead.procKey);
    expect(await scene.database.inspect("key")).toMatchObject({ alive: false });
    expect(await heir.acquire({ suspects: dead.suspects })).toMatchObject({ takenOver: "key" });
    expect(await scene.database.forceDelete("key", dead.ownerHash)).toBe(false);
    expect(await scene.database.forceDelete("key", heir.ownerHash)).toBe(true);
    expect(await scene.database.forceDelete("key", heir.ownerHash)).toBe(true);
    const lost = scene.owner();
    await lost.acquire();
    await scene.command("DEL", lost.procKey);
    expect(await lost.acquire()).toEqual({ status: "lost" });
    for (const garbage of ["5", "null", "true", '["SUCCESS"]', "{}", "OK"]) {
      await scene.command("SET", scene.lockKey(), garbage);
      const unreadable = { lockData: null, remainingMs: null };
      expect(await scene.database.inspect("key")).toEqual({ ...unreadable, alive: true });
      expect(await scene.owner().acquire()).toMatchObject(unreadable);
      expect(await scene.database.readLockData("key")).toBeNull();
      expect(await scene.database.forceDelete("key", null)).toBe(true);
    }
  });

  it("returns the right outcomes of the primitives", async () => {
    const { database } = open(clientOf);
    const [first, second] = [1, 2].map((seq) => ({
      ownerHash: `key@p/1.2.${seq}`,
      processHash: "p/1.2",
      trace: "null",
      acquiredAt: "2020-01-01T00:00:00.000Z",
      extendedAt: "12",
    }));
    if (first === undefined || second === undefined) throw new Error("two were made");
    const success = { status: "SUCCESS", lockData: first };
    const held = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: first };
    const free = { status: "NO_KEY", lockData: null };
    expect(await database.readLockData("key")).toBeNull();
    expect(await database.tryUpdate("key", first, 9_000, first.ownerHash)).toEqual(free);
    expect(await database.tryCreate("key", first, 9_000)).toEqual(success);
    expect(await database.tryCreate("key", second, 9_000)).toEqual(held);
    expect(await database.tryUpdate("key", first, 9_000, first.ownerHash)).toEqual(success);
    expect(await database.tryUpdate("key", second, 9_000, second.ownerHash)).toEqual(held);
    expect(await database.readLockData("key")).toEqual(first);
    expect(await database.tryDelete("key", second.ownerHash)).toEqual(held);
    const deleted = { status: "SUCCESS", lockData: null };
    expect(await database.tryDelete("key", first.ownerHash)).toEqual(deleted);
    expect(await database.tryDelete("key", first.ownerHash)).toEqual(free);
    expect(await database.readProcessData("p/1.2")).toBeNull();
    await database.saveProcessData("p/1.2", { aliveAt: "17" }, 9_000);
    expect(await database.readProcessData("p/1.2")).toEqual({ aliveAt: "17" });
  });

  it("R9 keyLocking on stock Redis is refused for certain, by every operation", async () => {
    const scene = open(clientOf, { keyLocking: true });
    const owner = scene.owner();
    const refused = { code: "LOCK_DATABASE", applied: "no", retriable: false };
    await expect(owner.acquire()).rejects.toMatchObject(refused);
    await expect(owner.renew()).rejects.toMatchObject(refused);
    await expect(owner.release()).rejects.toMatchObject(refused);
    await expect(scene.database.inspect("key")).rejects.toMatchObject(refused);
    await expect(scene.database.forceDelete("key", null)).rejects.toMatchObject(refused);
    await expect(scene.database.readLockData("key")).rejects.toMatchObject(refused);
    await expect(scene.database.tryDelete("key", "a")).rejects.toMatchObject(refused);
  });
});
