import { describe, expect, it } from "vitest";
import { RedisDatabase, type LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { transportOf } from "../support/database-clients.ts";
import { resendingClient } from "../support/fault-clients.ts";
import { StoredLock, fenceCounter } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { REQUEST_FAULTS } from "../support/request-faults.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

const CLIENTS: readonly (readonly [string, (rest: Rest) => RedisDatabase])[] = [
  ["a client that sends once", (rest) => rest.database()],
  [
    "the transport of upstash()",
    (rest) => new RedisDatabase(transportOf(rest.session), { prefix: rest.prefix }),
  ],
  [
    "a client that retries by itself",
    (rest) => new RedisDatabase(resendingClient(rest), { prefix: rest.prefix }),
  ],
];

/** The fence of the next acquisition, unless another is drawn in between. */
async function nextFence(rest: Rest, locks: LockService): Promise<number> {
  await locks.withLock("warm-up", () => undefined);
  return (await fenceCounter(rest)) + 1;
}

describe.each(CLIENTS)("R11 with %s:", (_, databaseOf) => {
  it.each(REQUEST_FAULTS)(
    "R11 %s leaves the lock acquired, under exactly one fence",
    async (_name, fault) => {
      const rest = rests.open();
      const locks = rest.locks({ database: databaseOf(rest) });
      const fence = await nextFence(rest, locks);
      rest.session.faults.add({ ...fault, script: "acquire", times: 1 });
      const lock = await locks.acquire("a", { retry: { maxRetries: 0 } });
      const { token: ownerHash } = lock;
      expect(lock.fence).toBe(fence);
      expect(await fenceCounter(rest)).toBe(fence);
      expect(await new StoredLock(rest, "a").record()).toMatchObject({ ownerHash, fence });
      expect(await locks.tryAcquire("a")).toBeNull();
      expect(await lock.isHeld()).toBe(true);
      await lock.release();
      expect(await locks.isLocked("a")).toBe(false);
    },
  );

  it.each(REQUEST_FAULTS)("R11 %s does not end a renewed lock", async (_name, fault) => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const locks = rest.locks({ database: databaseOf(rest), runtime: clock });
    const lock = await locks.acquire("a", { ttl: 30_000 });
    let answers = 0;
    locks.events.subscribe(({ type }) => {
      if (type === "renewed" || type === "renewalFailed") answers += 1;
    });
    rest.session.faults.add({ ...fault, script: "renew", times: 1 });
    await clock.advance(10_000);
    await eventually("the first is answered", () => answers === 1);
    await clock.advance(10_000);
    await eventually("another is answered", () => answers === 2);
    // Only the renewals have kept it: the acquisition's own TTL has passed.
    await clock.advance(9_400);
    lock.assertHeld();
    expect(await lock.isHeld()).toBe(true);
    const { token: ownerHash, fence } = lock;
    expect(await new StoredLock(rest, "a").record()).toMatchObject({ ownerHash, fence });
    await lock.release();
  });

  it.each(REQUEST_FAULTS)(
    "R11 %s leaves a release confirmed, and the key free",
    async (_name, fault) => {
      const rest = rests.open();
      const locks = rest.locks({ database: databaseOf(rest) });
      const lock = await locks.acquire("a");
      rest.session.faults.add({ ...fault, script: "release", times: 1 });
      await lock.release();
      expect(await new StoredLock(rest, "a").record()).toBeNull();
      await locks.withLock("a", (next) => expect(next.fence).toBe((lock.fence ?? 0) + 1));
    },
  );

  it.each(REQUEST_FAULTS)("R11 %s does not affect withLock", async (_name, fault) => {
    const rest = rests.open();
    const locks = rest.locks({ database: databaseOf(rest) });
    rest.session.faults.add({ ...fault, script: "acquire", times: 1 });
    rest.session.faults.add({ ...fault, script: "release", times: 1 });
    expect(await locks.withLock("a", () => "done")).toBe("done");
    expect(await locks.isLocked("a")).toBe(false);
  });
});

it("R11 a lost answer to an acquire of several keys leaves them all under one fence", async () => {
  const rest = rests.open();
  const locks = rest.locks();
  const fence = await nextFence(rest, locks);
  rest.session.faults.add({ kind: "drop-response", script: "acquire", times: 2 });
  const lock = await locks.acquire(["a", "b"]);
  expect(lock.fence).toBe(fence);
  expect(await fenceCounter(rest)).toBe(fence);
  for (const key of lock.keys) {
    expect(await new StoredLock(rest, key).record()).toMatchObject({ fence });
  }
  await lock.release();
});

it("R11 duplicating every command, with the copy a little later, changes nothing", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "duplicate", ms: 30 });
  const locks = rest.locks();
  const fences: (number | undefined)[] = [];
  for (const round of [1, 2, 3]) {
    await locks.withLock("a", async (lock) => {
      await lock.extend(40_000);
      expect(await lock.isHeld(), `in round ${round}`).toBe(true);
      fences.push(lock.fence);
    });
  }
  await rest.session.settled();
  expect(await locks.isLocked("a")).toBe(false);
  expect(fences).toEqual(fences.map((_, index) => (fences[0] ?? 0) + index));
});
