import { rm } from "node:fs/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { LockService, RedisDatabase } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { eventually } from "../dev/eventually.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { clientOf, useOwnRedis } from "../support/database-own-redis.ts";

/** Refusals by a real server, provoked on a dedicated Redis. */
describe.skipIf(onlyBorrowedRedis)("a real refusal", () => {
  const own = useOwnRedis();

  it("R9 a wrong token (WRONGPASS) was not applied", async () => {
    const { url } = await own.front();
    const redis = restRedis({ url, token: "wrong" });
    await expect(new RedisDatabase(redis).inspect("key")).rejects.toMatchObject({
      applied: "no",
      retriable: false,
      message: expect.stringContaining("WRONGPASS"),
    });
  });

  it.each([
    ["~*", "+@all", "-eval", "-evalsha"],
    ["~other:*", "+@all"],
    ["~*", "+@all", "-get"],
    ["~*", "+@all", "-incr"],
    ["~*", "+@all", "-incrby"],
    ["~*", "+@all", "-set"],
    ["~*", "+@all", "-pttl"],
  ])("R9 an acquire refused to a user with %s %s %s has left nothing behind", async (...rights) => {
    const scene = own.open();
    // Where nothing at all is stored, an acquire reads nothing.
    const stored = rights.includes("-pttl") ? "held by hand" : "";
    await scene.command("SET", scene.lockKey(), stored);
    await scene.command("ACL", "SETUSER", "limited", "reset", "on", ">secret", ...rights);
    const front = await own.front("limited:secret@");
    const database = new RedisDatabase(clientOf(front), { prefix: scene.prefix });
    const { claims } = scene.owner();
    const refused = database.acquire({ claims, ttlMs: 1_000, livenessMs: 1_000, suspects: [] });
    await expect(refused).rejects.toMatchObject({ applied: "no", retriable: false });
    expect(await scene.text(scene.lockKey())).toBe(stored);
    // A counter that was seeded does no harm.
    await scene.command("DEL", scene.fenceKey(), scene.lockKey());
    expect(await scene.command("KEYS", `${scene.prefix}*`)).toEqual([]);
    await scene.command("ACL", "DELUSER", "limited");
  });

  it("R9 a replica (READONLY) was not applied, and may be tried again", async () => {
    const scene = own.open();
    const owner = scene.owner();
    await scene.command("REPLICAOF", "127.0.0.1", "1");
    await expect(owner.acquire()).rejects.toMatchObject({
      applied: "no",
      retriable: true,
      message: expect.stringContaining("READONLY"),
    });
    await scene.command("REPLICAOF", "NO", "ONE");
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
    await scene.clear();
  });

  it("R9 a server in a slow script (BUSY) was not applied, and may be tried again", async () => {
    const scene = own.open();
    const owner = scene.owner();
    await scene.command("CONFIG", "SET", "busy-reply-threshold", "1");
    const other = clientOf(await own.front());
    const slow = other.eval("while true do end", [], []).catch((error: unknown) => error);
    onTestFinished(async () => {
      await scene.command("SCRIPT", "KILL").catch(() => undefined);
    });
    // Until the threshold has passed, the server does not answer at all.
    await eventually("the server is busy", async () => {
      const outcome = await scene.command("PING").catch((error: unknown) => String(error));
      return String(outcome).includes("BUSY");
    });
    const busy = { applied: "no", retriable: true, message: expect.stringContaining("BUSY") };
    await expect(owner.acquire()).rejects.toMatchObject(busy);
    await expect(owner.release()).rejects.toMatchObject(busy);
    await scene.command("SCRIPT", "KILL");
    expect(String(await slow)).toContain("script");
    await scene.command("CONFIG", "SET", "busy-reply-threshold", "5000");
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
    await scene.clear();
  });

  it("R9 a replica without its primary (MASTERDOWN) was not applied, and may be tried again", async () => {
    const scene = own.open();
    const owner = scene.owner();
    await scene.command("CONFIG", "SET", "replica-serve-stale-data", "no");
    await scene.command("REPLICAOF", "127.0.0.1", "1");
    const down = {
      applied: "no",
      retriable: true,
      message: expect.stringMatching(/MASTERDOWN.*REST front/),
    };
    await expect(owner.acquire()).rejects.toMatchObject(down);
    await expect(owner.release()).rejects.toMatchObject(down);
    await scene.command("REPLICAOF", "NO", "ONE");
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
    await scene.clear();
  });

  it("R9 a primary with too few replicas (NOREPLICAS) was not applied, and may be tried again", async () => {
    const scene = own.open();
    const owner = scene.owner();
    await scene.command("CONFIG", "SET", "min-replicas-to-write", "1");
    await expect(owner.acquire()).rejects.toMatchObject({
      applied: "no",
      retriable: true,
      message: expect.stringContaining("NOREPLICAS"),
    });
    await scene.command("CONFIG", "SET", "min-replicas-to-write", "0");
    expect(await scene.exists(owner.lockKey)).toBe(false);
    expect(await owner.acquire()).toMatchObject({ status: "granted" });
    await scene.clear();
  });

  it("R9 a server that is gone leaves the outcome unknown", async () => {
    const scene = own.open();
    const front = await own.front();
    const redis = clientOf(front);
    await front.stop();
    const database = new RedisDatabase(redis, { prefix: scene.prefix });
    await expect(database.inspect("key")).rejects.toMatchObject({
      applied: "unknown",
      retriable: true,
    });
  });
});

describe.skipIf(onlyBorrowedRedis)("a Redis that cannot persist", () => {
  const own = useOwnRedis(["--save", "3600", "1000000"]);

  it("R9 (MISCONF) has not applied anything, and the error says what to do", async () => {
    const scene = own.open();
    const holder = scene.owner();
    await holder.acquire();
    const [, folder] = (await scene.command("CONFIG", "GET", "dir")) as [string, string];
    await rm(folder, { recursive: true });
    await scene.command("BGSAVE");
    await eventually("it has failed to save", async () => {
      const info = await scene.command("INFO", "persistence");
      return String(info).includes("rdb_last_bgsave_status:err");
    });
    const refused = {
      applied: "no",
      retriable: false,
      message: expect.stringMatching(/MISCONF.*\. Redis cannot save/),
    };
    await expect(scene.owner("free").acquire()).rejects.toMatchObject(refused);
    await expect(scene.owner().acquire(), "of a held key").rejects.toMatchObject(refused);
    await expect(holder.renew()).rejects.toMatchObject(refused);
    await expect(holder.release()).rejects.toMatchObject(refused);
    await scene.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no");
    expect(await holder.release()).toMatchObject({ status: "released" });
  });
});

describe.skipIf(onlyBorrowedRedis)("a Redis Cluster", () => {
  const own = useOwnRedis(["--cluster-enabled", "yes"]);

  it("R9 without nodes for its slots (CLUSTERDOWN) has not applied anything, and may be tried again", async () => {
    const scene = own.open();
    const owner = scene.owner();
    const down = {
      applied: "no",
      retriable: true,
      message: expect.stringMatching(/CLUSTERDOWN.*CLUSTER INFO/),
    };
    await expect(owner.acquire()).rejects.toMatchObject(down);
    await expect(owner.release()).rejects.toMatchObject(down);
  });

  it("R9 refuses keys of several slots (CROSSSLOT), and the error says to choose a prefix with a hash tag", async () => {
    const { command, prefix } = own.open();
    await command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
    await eventually("it is up", async () => {
      return String(await command("CLUSTER", "INFO")).includes("cluster_state:ok");
    });
    const redis = clientOf(await own.front());
    const untagged = new LockService({ database: new RedisDatabase(redis) });
    await expect(untagged.tryAcquire("a")).rejects.toMatchObject({
      message: expect.stringMatching(/CROSSSLOT.*hash tag/),
      cause: { applied: "no", retriable: false },
    });
    const tagged = new LockService({ database: new RedisDatabase(redis, { prefix }) });
    expect(await tagged.withLock("a", () => "done")).toBe("done");
  });
});
