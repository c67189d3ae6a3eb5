import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Locker, isLockError, type LockService } from "../../src/index.ts";
import { useRest } from "../support/rest.ts";
import { garbageCommand, garbageText, runs } from "../chaos/arbitraries.ts";

const rests = useRest();
const RUNS = runs(30);

/** The lock, or null when it was refused or failed with a lock error. */
async function attempt(locks: LockService, key: string): ReturnType<LockService["tryAcquire"]> {
  return locks.tryAcquire(key).catch((error: unknown) => {
    if (isLockError(error)) return null;
    throw error;
  });
}

it("whatever is stored at a lock's key is consistently seen as held or free, and can be force-released", async () => {
  const rest = rests.open();
  const locks = rest.locks({ retry: { maxRetries: 0 } });
  const locker = new Locker({ database: rest.database() });
  const name = `${rest.prefix}lock:a`;
  const property = fc.asyncProperty(garbageCommand, async (garbage) => {
    await rest.command("DEL", name);
    await rest.command(...garbage(name));
    const isLocked = await locks.isLocked("a");
    const seen = await locks.inspect("a");
    expect(seen?.alive ?? false).toBe(isLocked);
    expect(await locker.readLockData("a")).toSatisfy(
      (data) => (data !== "maybe_unlocked") === isLocked,
    );
    await locker.readOwnerHashStatus("a@b/1.1.0");
    const lock = await attempt(locks, "a");
    expect(lock === null, "refused").toBe(isLocked);
    if (lock === null) {
      const refused = await locks.acquire("a").catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "LOCK_ACQUISITION", reason: "held" });
      // What another program has stored is not revealed.
      expect(String(refused)).toMatch(
        /^LockAcquisitionError: Lock "a" is held by another (?:without expiry|for another \d+ ms)\.$/,
      );
      expect(Object.keys(refused as object)).not.toContain("holder");
      expect(await locks.forceRelease("a")).toBe(true);
      expect(await rest.command("EXISTS", name)).toBe(0);
      const next = await locks.acquire("a");
      await next.release();
    } else {
      await lock.release();
    }
  });
  await fc.assert(property, RUNS);
});

it("a record whose hashes are not text is garbage like any other: held, refused, and force-released", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const name = `${rest.prefix}lock:a`;
  const record = String.raw`{"ownerHash":"a@\255/1.1.0","processHash":"\255/1.1"}`;
  await rest.command("EVAL", `return redis.call("SET", KEYS[1], '${record}')`, 1, name);
  const seen = [await locks.isLocked("a"), await locks.tryAcquire("a")];
  const isForced = await locks.forceRelease("a");
  await rest.command("DEL", name);
  expect([...seen, isForced]).toEqual([true, null, true]);
});

it("whatever replaces a held lock, its owner loses it and deletes nothing", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const name = `${rest.prefix}lock:a`;
  const property = fc.asyncProperty(garbageCommand, async (garbage) => {
    await rest.command("DEL", name);
    const lock = await locks.acquire("a", { autoRenew: false });
    await rest.command("DEL", name);
    await rest.command(...garbage(name));
    const isThere = (await rest.command("EXISTS", name)) === 1;
    expect(await lock.isHeld()).toBe(false);
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
    expect((await rest.command("EXISTS", name)) === 1).toBe(isThere);
    await rest.command("DEL", name);
  });
  await fc.assert(property, RUNS);
});

it("whatever is stored as the fence counter, an acquisition draws a higher fence, or is refused and leaves nothing", async () => {
  const rest = rests.open();
  const locks = rest.locks({ retry: { maxRetries: 0 } });
  const name = `${rest.prefix}fence`;
  const fence = fc.oneof(
    garbageText,
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }).map(String),
    fc.constantFrom(
      "0",
      "-1",
      "9007199254740991",
      "9007199254740992",
      "9223372036854775807",
      "1e5",
    ),
  );
  const property = fc.asyncProperty(fence, async (text) => {
    await rest.command("SET", name, text);
    try {
      const lock = await locks.acquire("a");
      expect(lock.fence).toBeGreaterThan(Number(text));
      await lock.release();
    } catch (error) {
      expect(error).toMatchObject({ code: "LOCK_ACQUISITION", reason: "error" });
      await Promise.all(rest.pledges);
      expect(await locks.isLocked("a")).toBe(false);
    }
  });
  await fc.assert(property, runs(20));
  await rest.command("DEL", name);
});

it("whatever is stored as a process or a tombstone, nobody else acquires the held lock", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const property = fc.asyncProperty(garbageCommand, garbageCommand, async (proc, gone) => {
    const lock = await locks.acquire("a", { autoRenew: false });
    const processHash = /@(leasehold\/\d+\.\d+)\.0$/.exec(lock.token)?.[1] ?? "";
    const names = {
      proc: `${rest.prefix}proc:${processHash}`,
      gone: `${rest.prefix}gone:${lock.token}`,
    };
    await rest.command("DEL", names.proc, names.gone);
    await rest.command(...proc(names.proc));
    await rest.command(...gone(names.gone));
    expect(await locks.tryAcquire("a")).toBeNull();
    expect(await lock.isHeld()).toBe(true);
    await lock.extend(40_000);
    await lock.release();
    expect(await locks.isLocked("a")).toBe(false);
    await rest.command("DEL", names.proc, names.gone);
  });
  await fc.assert(property, runs(30));
});
