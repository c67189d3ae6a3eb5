import { describe, expect, it } from "vitest";
import { useDatabase, type DatabaseScene } from "../support/database-scene.ts";

const scenes = useDatabase();

type Put = (scene: DatabaseScene, key: string) => Promise<unknown>;

const text =
  (value: string): Put =>
  ({ command }, key) =>
    command("SET", key, value);

/** A record with `more` spliced in. */
const recordWith = (more: string): string =>
  `{"ownerHash":"key@test/1.2.0","processHash":"test/1.2","acquiredAt":"","extendedAt":""${more}}`;

const GARBAGE: readonly (readonly [string, Put])[] = [
  ["a list", ({ command }, key) => command("RPUSH", key, "a", "b")],
  ["a hash", ({ command }, key) => command("HSET", key, "ownerHash", "a")],
  ["a set", ({ command }, key) => command("SADD", key, "a")],
  ["a sorted set", ({ command }, key) => command("ZADD", key, 1, "a")],
  ["a stream", ({ command }, key) => command("XADD", key, "*", "a", "b")],
  ["text", text("held by hand")],
  ["a number", text("1")],
  ["JSON null", text("null")],
  ["JSON true", text("true")],
  ["a JSON string", text('"key@test/1.2.0"')],
  ["an empty JSON array", text("[]")],
  ["a JSON array of records", text(`[${recordWith("")}]`)],
  ["an empty JSON object", text("{}")],
  ["truncated JSON", text(recordWith("").slice(0, -10))],
  ["a record followed by more", text(`${recordWith("")} more`)],
  ["a record without process hash", text('{"ownerHash":"key@test/1.2.0"}')],
  ["a record without owner hash", text('{"processHash":"test/1.2"}')],
  ["an owner hash of null", text('{"ownerHash":null,"processHash":"test/1.2"}')],
  ["hashes that are numbers", text('{"ownerHash":1,"processHash":2}')],
  ["deeply nested JSON", text("[".repeat(10_000) + "]".repeat(10_000))],
  ["a deeply nested record", text(recordWith(`,"x":${"[".repeat(5_000)}${"]".repeat(5_000)}`))],
  ["a huge string", text("x".repeat(2_000_000))],
  ["a record with a lone surrogate", text(recordWith(',"trace":"\\ud800"'))],
  ["a record with a NaN, which is invalid JSON", text(recordWith(',"fence":NaN'))],
  [
    "a record with a raw tab in a string, which is invalid JSON",
    text(recordWith(',"trace":"a\tb"')),
  ],
  ["a record with a signed number, which is invalid JSON", text(recordWith(',"fence":+12'))],
  ["a record with a leading zero, which is invalid JSON", text(recordWith(',"fence":012'))],
  ["a record with a hexadecimal number, which is invalid JSON", text(recordWith(',"fence":0x10'))],
];

describe.each(GARBAGE)("%s at a lock key", (_, put) => {
  it("R7 counts as held by an unknown holder, and no operation changes it", async () => {
    const scene = scenes.open();
    const { database } = scene;
    const owner = scene.owner();
    const { key, lockData } = owner.claims[0];
    await put(scene, owner.lockKey);
    await scene.command("SET", owner.procKey, "{}");
    const before = await scene.command("OBJECT", "ENCODING", owner.lockKey);
    const refusal = { status: "held", lockData: null };
    const held = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: null };

    expect(await owner.acquire()).toEqual({ ...refusal, key, remainingMs: null });
    expect(await owner.acquire({ suspects: scene.owner().suspects })).toMatchObject(refusal);
    expect(await database.inspect(key)).toEqual({ lockData: null, remainingMs: null, alive: true });
    expect(await owner.renew()).toEqual(["lost"]);
    expect(await database.tryCreate(key, lockData, 1_000)).toEqual(held);
    expect(await database.tryUpdate(key, lockData, 1_000, lockData.ownerHash)).toEqual(held);
    expect(await database.tryDelete(key, lockData.ownerHash)).toEqual(held);
    expect(await owner.release()).toEqual(refusal);
    expect(await database.forceDelete(key, scene.owner().ownerHash)).toBe(false);

    expect(await scene.command("OBJECT", "ENCODING", owner.lockKey)).toBe(before);
    expect(await scene.pttl(owner.lockKey)).toBe(-1);
  });

  it("R7 is removed by forceDelete without an owner, and the key is free", async () => {
    const scene = scenes.open();
    const owner = scene.owner();
    await put(scene, owner.lockKey);
    expect(await scene.database.forceDelete("key", null)).toBe(true);
    expect(await scene.exists(owner.lockKey)).toBe(false);
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
  });

  it("R7 is found and removed by forceRelease", async () => {
    const scene = scenes.open();
    const locks = scene.rest.locks();
    await put(scene, scene.lockKey());
    expect(await locks.isLocked("key")).toBe(true);
    expect(await locks.tryAcquire("key")).toBeNull();
    expect(await locks.forceRelease("key")).toBe(true);
    expect(await locks.isLocked("key")).toBe(false);
  });
});
