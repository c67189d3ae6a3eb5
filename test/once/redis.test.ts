import { describe, expect, it, onTestFinished } from "vitest";
import { useRedisFixture, type RedisFixture } from "../chaos/redis-fixture.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";

/** Does not time out during a restart, nor on a busy machine. */
const LONG_TIMEOUT = { requestTimeout: 20_000 };

/** From now on Redis refuses whatever needs room. */
async function fill({ command }: RedisFixture): Promise<void> {
  await command("CONFIG", "SET", "maxmemory", "1");
  onTestFinished(async () => void (await command("CONFIG", "SET", "maxmemory", "0")));
}

describe.skipIf(onlyBorrowedRedis)("Redis restarts and loses all data", () => {
  const open = useRedisFixture();

  it("O2 while a job runs: its run is told that it was lost, and the next call runs it", async () => {
    const fixture = open();
    const locks = fixture.locks({}, LONG_TIMEOUT);
    const lost = locks.once("a", async () => {
      await fixture.redis.restart();
      return "lost";
    });
    await expect(lost).rejects.toMatchObject({ code: "LOCK_LOST", result: "lost" });
    expect(await locks.recall("a")).toBeNull();
    const next = await locks.once("a", () => "next");
    expect(next).toEqual({ status: "ran", result: "next", remembered: "result" });
  });

  it("O2 while a job runs, and another runs it before the first ends: only that one is remembered", async () => {
    const fixture = open();
    const locks = fixture.locks({}, LONG_TIMEOUT);
    const fences: (number | undefined)[] = [];
    const lost = locks.once("b", async ({ fence }) => {
      fences.push(fence);
      await fixture.redis.restart();
      await locks.once("b", (lock) => void fences.push(lock.fence));
      return "lost";
    });
    await expect(lost).rejects.toMatchObject({ code: "LOCK_LOST", result: "lost" });
    expect(await locks.recall("b")).toMatchObject({ hasResult: true, result: undefined });
    const [first = 0, second] = fences;
    expect(second, "fences tell the two apart").toBeGreaterThan(first);
  });
});

describe.skipIf(onlyBorrowedRedis)("Redis is full", () => {
  const open = useRedisFixture();

  it("O4 when a job completes: it is remembered without its result, and does not run again", async () => {
    const fixture = open();
    const locks = fixture.locks({}, LONG_TIMEOUT);
    const ran = await locks.once("full", async () => {
      await fill(fixture);
      return "result";
    });
    expect(ran).toEqual({ status: "ran", result: "result", remembered: "marker" });
    expect(await fixture.isStored("once:full")).toBe(false);
    const again = await locks.once("full", () => "again");
    expect(again).toMatchObject({ status: "remembered", hasResult: false, result: undefined });
  });

  it("O7 when a batch completes: what is told of each item is what is remembered of it", async () => {
    const fixture = open();
    const locks = fixture.locks({}, LONG_TIMEOUT);
    let filling: Promise<void> | undefined;
    const items = ["first", "large", "failing", "last"];
    const outcomes = await locks.onceEach(items, {
      key: (item) => `batch:${item}`,
      work: async (item) => {
        await (filling ??= fill(fixture));
        if (item === "failing") throw new Error("failed");
        return item === "large" ? "x".repeat(2_000) : item;
      },
      maxResultBytes: 1_000,
    });
    const told = outcomes.map((one) => (one.status === "ran" ? one.remembered : one.status));
    const recalled = items.map((item) => locks.recall(`batch:${item}`));
    const kept = (await Promise.all(recalled)).map((one) => {
      if (one === null) return "failed";
      return one.hasResult ? "result" : "marker";
    });
    expect(told).toEqual(kept);
    expect(kept.filter((one) => one === "failed")).toEqual(["failed"]);
    expect(kept[1], "the large one").toBe("marker");
  });

  it("O4 when a job arrives: nothing runs, and the error says why", async () => {
    const fixture = open();
    const locks = fixture.locks({}, LONG_TIMEOUT);
    await fill(fixture);
    let runs = 0;
    await expect(locks.once("new", () => (runs += 1))).rejects.toMatchObject({
      code: "LOCK_ACQUISITION",
      reason: "error",
      message: expect.stringContaining("OOM"),
      cause: { applied: "no", retriable: false },
    });
    expect(runs).toBe(0);
    expect(await fixture.isStored("once:new")).toBe(false);
  });
});
