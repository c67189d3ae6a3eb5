import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Locker, isLockError, type LockService } from "../../src/index.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { hostileText, isLawful, runs } from "../chaos/arbitraries.ts";

const rests = useRest();
const RUNS = runs(40);

async function keysOf(rest: Rest): Promise<string[]> {
  const { prefix } = rest;
  const keys = (await rest.command("KEYS", `${prefix.replaceAll(/[{}]/g, "\\$&")}*`)) as string[];
  return keys.map((key) => key.slice(prefix.length)).filter((key) => !key.startsWith("gone:"));
}

/** Every public method that takes a key. */
const METHODS: readonly ((locks: LockService, key: string) => Promise<unknown>)[] = [
  (locks, key) => locks.acquire(key),
  (locks, key) => locks.acquire(["fine", key]),
  (locks, key) => locks.tryAcquire(key),
  (locks, key) => locks.withLock(key, () => expect.fail("ran")),
  (locks, key) => locks.isLocked(key),
  (locks, key) => locks.inspect(key),
  (locks, key) => locks.forceRelease(key),
  async (locks, key) => locks.holds(key),
];

it("any text is a key that names exactly one record, or is refused before anything is sent", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  await rest.command("SET", `${rest.prefix}fence`, 1);
  const property = fc.asyncProperty(hostileText, async (key) => {
    if (!isLawful(key, 1, 1_000)) {
      const { requests } = rest.session.counters;
      for (const enter of METHODS) {
        await expect(enter(locks, key)).rejects.toMatchObject({
          code: "LOCK_CONFIGURATION",
          option: "key",
        });
      }
      expect(rest.session.counters.requests).toBe(requests);
      return;
    }
    const lock = await locks.acquire(key);
    const processHash = /@(leasehold\/\d+\.\d+)\.0$/.exec(lock.token)?.[1];
    expect((await keysOf(rest)).toSorted()).toEqual(
      ["fence", `lock:${key}`, `proc:${processHash}`].toSorted(),
    );
    expect(await locks.inspect(key)).toMatchObject({ holder: lock.token, fence: lock.fence });
    expect(await locks.tryAcquire(key)).toBeNull();
    expect(await lock.isHeld()).toBe(true);
    await lock.release();
    expect(await keysOf(rest)).toEqual(["fence"]);
  });
  await fc.assert(property, RUNS);
});

it("different texts are different locks, of which all or none are acquired", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const lawful = hostileText.filter((text) => isLawful(text, 1, 1_000));
  const several = fc.uniqueArray(lawful, { minLength: 2, maxLength: 4 });
  const property = fc.asyncProperty(several, async (keys) => {
    const [first = "", ...others] = keys;
    const one = await locks.acquire(first);
    expect(await locks.tryAcquire(keys)).toBeNull();
    const all = await locks.acquire(others);
    await one.release();
    await all.release();
    expect(await keysOf(rest)).toEqual(["fence"]);
  });
  await fc.assert(property, runs(30));
});

it("any text is a trace that is preserved, or is refused before anything is sent", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const property = fc.asyncProperty(hostileText, async (trace) => {
    const { requests } = rest.session.counters;
    const outcome = await locks.acquire("a", { trace }).catch((error: unknown) => error);
    if (isLockError(outcome)) {
      expect(outcome).toMatchObject({ code: "LOCK_CONFIGURATION", option: "trace" });
      expect(isLawful(trace, 0, 256)).toBe(false);
      expect(rest.session.counters.requests).toBe(requests);
      return;
    }
    expect(isLawful(trace, 0, 256)).toBe(true);
    expect(await locks.inspect("a")).toMatchObject({ trace: trace === "" ? null : trace });
    expect(await locks.forceRelease("a")).toBe(true);
    await expect((outcome as { release(): Promise<void> }).release()).rejects.toMatchObject({
      code: "LOCK_NOT_OWNED",
    });
  });
  await fc.assert(property, RUNS);
});

it("any text can be passed as an owner hash: it is parsed, or reported as malformed", async () => {
  const rest = rests.open();
  const locker = new Locker({ database: rest.database() });
  const text = fc.oneof(
    hostileText,
    fc.tuple(hostileText, hostileText).map((parts) => `${parts.join("@")}/1.1.0`),
  );
  const property = fc.asyncProperty(text, async (ownerHash) => {
    const { status, key } = await locker.readOwnerHashStatus(ownerHash);
    if (key === null) expect(status).toBe("MALFORMED_OWNER_HASH");
    else expect([status, ownerHash.startsWith(`${key}@`)]).toEqual(["NO_KEY", true]);
  });
  await fc.assert(property, RUNS);
});
