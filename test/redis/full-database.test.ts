import { afterEach, describe, expect, it } from "vitest";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import type { DatabaseScene } from "../support/database-scene.ts";
import { useOwnRedis } from "../support/database-own-redis.ts";

describe.skipIf(onlyBorrowedRedis)("a full database", () => {
  const own = useOwnRedis(["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]);
  let scene: DatabaseScene | undefined;

  afterEach(async () => {
    await scene?.command("CONFIG", "SET", "maxmemory", "100mb");
  });

  function open(): DatabaseScene {
    scene = own.open();
    return scene;
  }

  /** From now on Redis refuses every command that may need memory. */
  async function fill({ command }: DatabaseScene): Promise<void> {
    await command("CONFIG", "SET", "maxmemory", "1");
    await expect(command("SET", "filler", "1")).rejects.toThrow(/OOM/);
  }

  it("R5 a renewal still lengthens the lease", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire({ ttlMs: 10_000 });
    await fill(full);
    expect(await owner.renew({ ttlMs: 60_000 })).toEqual(["renewed"]);
    expect(await full.pttl(owner.lockKey)).toBeGreaterThan(40_000);
    expect(await full.pttl(owner.procKey)).toBeGreaterThan(40_000);
  });

  it("R5 a renewal that has nothing to lengthen is confirmed although it cannot write", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire({ ttlMs: 60_000 });
    await fill(full);
    expect(await owner.renew({ ttlMs: 10_000 })).toEqual(["renewed"]);
    expect(await full.pttl(owner.lockKey)).toBeGreaterThan(40_000);
  });

  it("R5 an acquire sent again by its owner is confirmed and lengthens", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire({ ttlMs: 10_000 });
    await fill(full);
    expect(await owner.acquire({ ttlMs: 60_000 })).toMatchObject({ status: "granted" });
    expect(await full.pttl(owner.lockKey)).toBeGreaterThan(40_000);
  });

  it("R5 a release still frees, and is still SUCCESS when sent twice", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire();
    await fill(full);
    expect(await owner.release()).toEqual({ status: "released", lockData: null });
    expect(await full.command("EXISTS", owner.lockKey, owner.procKey)).toBe(0);
    expect(await owner.release()).toEqual({ status: "released", lockData: null });
  });

  it("R5 the release of an expired lock is answered although no tombstone can be left", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire();
    await full.command("DEL", owner.lockKey);
    await fill(full);
    expect(await owner.release()).toEqual({ status: "missing", lockData: null });
    expect(await full.exists(owner.procKey)).toBe(false);
  });

  it("R5 a refusal is still answered although no tombstone can be left", async () => {
    const full = open();
    const [owner, other] = [full.owner(), full.owner()];
    await owner.acquire();
    await fill(full);
    expect(await other.acquire()).toMatchObject({ status: "held" });
  });

  it("R5 forceDelete still frees", async () => {
    const full = open();
    const owner = full.owner();
    await owner.acquire();
    await fill(full);
    expect(await full.database.forceDelete("key", owner.ownerHash)).toBe(true);
    expect(await full.exists(owner.lockKey)).toBe(false);
  });

  it("R9 an acquire that Redis refuses for lack of memory was not applied, and leaves nothing", async () => {
    const full = open();
    await fill(full);
    const owner = full.owner();
    const refused = { code: "LOCK_DATABASE", applied: "no", retriable: false };
    await expect(owner.acquire()).rejects.toMatchObject(refused);
    expect(await full.command("EXISTS", owner.lockKey, owner.procKey, full.fenceKey())).toBe(0);
    const { lockData } = owner.claims[0];
    await expect(full.database.tryCreate("key", lockData, 1_000)).rejects.toMatchObject(refused);
  });

  it("R9 an acquire that would complete several keys in a full database leaves them unchanged", async () => {
    const full = open();
    const owner = full.owner(["a", "b"]);
    await owner.acquire();
    await full.command("DEL", full.lockKey("b"));
    const [record, counter] = [
      await full.text(full.lockKey("a")),
      await full.text(full.fenceKey()),
    ];
    await fill(full);
    await expect(owner.acquire()).rejects.toMatchObject({ applied: "no" });
    expect(await full.text(full.lockKey("a"))).toBe(record);
    expect(await full.text(full.fenceKey())).toBe(counter);
    expect(await full.exists(full.lockKey("b"))).toBe(false);
  });
});
