import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startRestFront } from "../../dev/rest/front.ts";
import { Locker, LockService, RedisDatabase } from "../../src/index.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { ROOT } from "../support/built-package.ts";
import { clientOf, useOwnRedis } from "../support/database-own-redis.ts";
import type { DatabaseScene } from "../support/database-scene.ts";

const guide = await readFile(path.join(ROOT, "docs/redis.md"), "utf8");
/** The rules of the user that the guide to Redis creates, but for its password. */
const RULES = (/^ACL SETUSER locks (reset on) >\S+ (.+)$/m.exec(guide) ?? [])
  .slice(1)
  .join(" ")
  .split(" ");
const COMMANDS = RULES.filter((rule) => rule.startsWith("+"));

describe.skipIf(onlyBorrowedRedis)("the user that docs/redis.md creates", () => {
  const own = useOwnRedis();

  /** A client of the limited user; the guide's prefix is the default one, whatever that is. */
  async function connect(rules: readonly string[]): Promise<ReturnType<typeof clientOf>> {
    const { command } = own.open();
    await command("SCRIPT", "FLUSH");
    await command("ACL", "SETUSER", "locks", ...rules, ">secret");
    const [, port] = (await command("CONFIG", "GET", "port")) as [string, string];
    const front = await startRestFront({ redisUrl: `redis://locks:secret@127.0.0.1:${port}` });
    onTestFinished(async () => {
      await front.stop();
      const keys = (await command("KEYS", "leasehold:*")) as string[];
      if (keys.length > 0) await command("DEL", ...keys);
      await command("ACL", "DELUSER", "locks");
    });
    return clientOf(front);
  }

  /** Every operation that leasehold has. */
  async function useEverything(client: ReturnType<typeof clientOf>): Promise<void> {
    const database = new RedisDatabase(client);
    const service = new LockService({ database });
    const lock = await service.acquire(["a", "b"]);
    await lock.extend(60_000);
    expect(await lock.isHeld()).toBe(true);
    expect(await service.inspect("a")).toMatchObject({ alive: true, fence: lock.fence });
    expect(await service.tryAcquire("a")).toBeNull();
    const attached = await service.attach(lock.detach());
    expect(attached.fence).toBeGreaterThan(lock.fence ?? 0);
    await attached.release();
    await service.acquire("forced", { autoRenew: false });
    expect(await service.forceRelease("forced")).toBe(true);

    for (const status of ["ran", "remembered"]) {
      expect(await service.once("job", () => 17)).toMatchObject({ status, result: 17 });
    }
    const each = { key: (id: string) => id, work: (id: string) => id };
    expect(await service.onceEach(["m1", "m2"], each)).toHaveLength(2);
    expect(await service.recall("job")).toMatchObject({ result: 17 });
    expect(await service.forget("job")).toBe(true);

    const locker = new Locker({ database });
    const ran = await locker.acquireAndRun("digest", async (heartbeater) => {
      await heartbeater.heartbeat();
      return "done";
    });
    expect(ran).toMatchObject({ result: "done" });
    await locker.terminate();
  }

  /** A client that has seen a higher fence than the counter holds raises it: the one use of INCRBY. */
  async function raiseCounter(client: ReturnType<typeof clientOf>, scene: DatabaseScene) {
    const service = new LockService({ database: new RedisDatabase(client) });
    const before = await service.withLock("counter", ({ fence }) => fence ?? 0);
    await scene.command("SET", "leasehold:fence", "1");
    const after = await service.withLock("counter", ({ fence }) => fence ?? 0);
    expect(after).toBeGreaterThan(before);
  }

  it("can do all that leasehold does", async () => {
    expect(COMMANDS).toHaveLength(10);
    const client = await connect(RULES);
    await useEverything(client);
    await raiseCounter(client, own.open());
  });

  it.each(COMMANDS)("needs %s: without it something fails", async (missing) => {
    const client = await connect([...RULES, missing.replace("+", "-")]);
    const everything = async (): Promise<void> => {
      await useEverything(client);
      await raiseCounter(client, own.open());
    };
    await expect(everything()).rejects.toThrow();
  });

  it("can neither read nor write a key outside of the prefix, by a script or by itself", async () => {
    const scene = own.open();
    await scene.command("SET", "session:1", "private");
    const client = await connect(RULES);
    await expect(client.get("session:1")).rejects.toThrow("NOPERM");
    await expect(
      client.eval("return redis.call('GET', KEYS[1])", ["session:1"], []),
    ).rejects.toThrow("NOPERM");
    const undeclared = client.eval("return redis.call('DEL', 'session:1')", [], []);
    await expect(undeclared).rejects.toThrow(/NOPERM|can't access/);
    await expect(client.flushall()).rejects.toThrow("NOPERM");
    expect(await scene.text("session:1")).toBe("private");
    await scene.command("DEL", "session:1");
  });
});
