import { describe, expect, it, onTestFinished } from "vitest";
import { RedisDatabase } from "../../src/index.ts";
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
    ["~*", "+@all", "-exists"],
    ["~*", "+@all", "-incr"],
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
