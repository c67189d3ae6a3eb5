import { describe, expect, it } from "vitest";
import {
  DatabaseError,
  LockAcquisitionError,
  LockExtensionError,
  LockReleaseUnknownError,
  RedisDatabase,
  type LockService,
} from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { resendingClient, StuckClient } from "../support/fault-clients.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();
const TIMEOUT = 300;
/** Only a limit for a machine that is busy: what is bounded takes two requests' time at most. */
const SOON = 2 * TIMEOUT + 5_000;

interface Silence {
  readonly locks: LockService;
  /** From here on nothing is answered. */
  readonly fallSilent: () => void;
  readonly heal: () => void;
}

type Silenced = (rest: Rest) => Silence;

/** The ways a command may never be answered, each by a client of another kind. */
const SILENCES: readonly (readonly [string, Silenced])[] = [
  ["a server that hangs", (rest) => hanging(rest, rest.redis)],
  [
    "a server that hangs, under a client without a timeout",
    (rest) => hanging(rest, resendingClient(rest)),
  ],
  [
    "a client whose eval never settles",
    (rest) => {
      const client = new StuckClient(rest.redis);
      client.isStuck = false;
      return {
        locks: rest.locks({ database: databaseOf(rest, client) }),
        fallSilent: () => void (client.isStuck = true),
        heal: () => void (client.isStuck = false),
      };
    },
  ],
];

function hanging(rest: Rest, client: RedisDatabaseClient): Silence {
  return {
    locks: rest.locks({ database: databaseOf(rest, client) }),
    fallSilent: () => void rest.session.faults.add({ kind: "hang" }),
    heal: () => {
      rest.session.faults.clear();
      rest.session.disconnect();
    },
  };
}

type RedisDatabaseClient = ConstructorParameters<typeof RedisDatabase>[0];

function databaseOf({ prefix }: Rest, client: RedisDatabaseClient): RedisDatabase {
  return new RedisDatabase(client, { prefix, requestTimeout: TIMEOUT });
}

async function rejectionSoon(promise: Promise<unknown>): Promise<unknown> {
  const started = performance.now();
  const error: unknown = await promise.then(
    () => expect.fail("resolved"),
    (thrown: unknown) => thrown,
  );
  expect(performance.now() - started).toBeLessThan(SOON);
  return error;
}

describe.each(SILENCES)("R8 under %s", (_, silenced) => {
  it("R8 acquire is bounded by requestTimeout, and its compensation by the TTL", async () => {
    const rest = rests.open();
    const { locks, fallSilent } = silenced(rest);
    fallSilent();
    const acquiring = locks.acquire("a", { ttl: 100, retry: { maxRetries: 0 } });
    const error = await rejectionSoon(acquiring);
    expect(error).toBeInstanceOf(LockAcquisitionError);
    expect(error).toMatchObject({ reason: "error" });
    await Promise.all(rest.pledges);
  });

  it("R8 tryAcquire is bounded, and does not take silence for held", async () => {
    const { locks, fallSilent, heal } = silenced(rests.open());
    fallSilent();
    const error = await rejectionSoon(locks.tryAcquire("a", { ttl: 100 }));
    expect(error).toMatchObject({ reason: "error" });
    heal();
  });

  it("R8 everything else is bounded by two sends, and is never taken for an answer", async () => {
    const { locks, fallSilent, heal } = silenced(rests.open());
    const lock = await locks.acquire("a", { autoRenew: false });
    fallSilent();
    const [extended, isHeld, isLocked, inspected, forced] = await Promise.all([
      rejectionSoon(lock.extend(40_000)),
      rejectionSoon(lock.isHeld()),
      rejectionSoon(locks.isLocked("a")),
      rejectionSoon(locks.inspect("a")),
      rejectionSoon(locks.forceRelease("a")),
    ]);
    expect(extended).toBeInstanceOf(LockExtensionError);
    for (const error of [isHeld, isLocked, inspected, forced]) {
      expect(error).toBeInstanceOf(DatabaseError);
      expect(error).toMatchObject({ applied: "unknown", retriable: true });
    }
    expect(await rejectionSoon(lock.release())).toBeInstanceOf(LockReleaseUnknownError);
    heal();
    await lock.release();
  });

  it("R8 a renewal is bounded: it fails, and the next one is sent", async () => {
    const rest = rests.open();
    const { locks, fallSilent, heal } = silenced(rest);
    let failures = 0;
    let renewals = 0;
    locks.events.subscribe(({ type }) => {
      if (type === "renewalFailed") failures += 1;
      if (type === "renewed") renewals += 1;
    });
    const lock = await locks.acquire("a", {
      ttl: 8_000,
      autoRenew: { enabled: true, intervalFraction: 0.05 },
    });
    fallSilent();
    await eventually("a renewal has failed", () => failures > 0);
    heal();
    await eventually("the next one is answered", () => renewals > 0);
    lock.assertHeld();
    await lock.release();
  });
});

it("R8 an answer that comes after requestTimeout counts as none: a lock acquired by it is taken back", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  rest.session.faults.add({ kind: "hang", script: "acquire", apply: true });
  const locks = rest.locks({ database: databaseOf(rest, rest.redis) });
  const error = await rejectionSoon(locks.tryAcquire("a", { ttl: 60_000 }));
  expect(error).toMatchObject({ reason: "error" });
  await Promise.all(rest.pledges);
  expect(await stored.record()).toBeNull();
});

it("R8 an acquire that ran out of its own budget says so in its cause", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "hang", script: "acquire" });
  const locks = rest.locks({ database: databaseOf(rest, rest.redis) });
  const error = await rejectionSoon(locks.tryAcquire("a"));
  expect(error).toMatchObject({ cause: { code: "LOCK_DATABASE", applied: "unknown" } });
  expect(String((error as Error).cause)).toMatch(/within \d+ ms/);
});
