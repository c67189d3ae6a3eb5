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
import { transportOf } from "../support/database-clients.ts";
import { resendingClient, StuckClient } from "../support/fault-clients.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();
const TIMEOUT = 300;
/** Generous for a busy machine: what is bounded takes at most two request timeouts. */
const SOON = 2 * TIMEOUT + 5_000;

interface Silence {
  readonly locks: LockService;
  /** From now on nothing is answered. */
  readonly silence: () => void;
  readonly heal: () => void;
}

type Silencer = (rest: Rest) => Silence;

/** Ways in which a command may never be answered, each with a different client. */
const SILENCES: readonly (readonly [string, Silencer])[] = [
  ["a server that hangs", (rest) => hanging(rest, rest.redis)],
  [
    "a server that hangs, under a client without a timeout",
    (rest) => hanging(rest, resendingClient(rest)),
  ],
  [
    "a server that hangs, under the transport of upstash()",
    (rest) => hanging(rest, transportOf(rest.session)),
  ],
  [
    "a client whose eval never settles",
    (rest) => {
      const client = new StuckClient(rest.redis);
      client.isStuck = false;
      return {
        locks: rest.locks({ database: databaseOf(rest, client) }),
        silence: () => void (client.isStuck = true),
        heal: () => void (client.isStuck = false),
      };
    },
  ],
];

function hanging(rest: Rest, client: RedisDatabaseClient): Silence {
  return {
    locks: rest.locks({ database: databaseOf(rest, client) }),
    silence: () => void rest.session.faults.add({ kind: "hang" }),
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

describe.each(SILENCES)("R8 under %s", (_, silencer) => {
  it("R8 acquire is bounded by requestTimeout, and its compensation by the TTL", async () => {
    const rest = rests.open();
    const { locks, silence } = silencer(rest);
    silence();
    const acquiring = locks.acquire("a", { ttl: 100, retry: { maxRetries: 0 } });
    const error = await rejectionSoon(acquiring);
    expect(error).toBeInstanceOf(LockAcquisitionError);
    expect(error).toMatchObject({ reason: "error" });
    await Promise.all(rest.pledges);
  });

  it("R8 tryAcquire is bounded, and does not mistake silence for held", async () => {
    const { locks, silence, heal } = silencer(rests.open());
    silence();
    const error = await rejectionSoon(locks.tryAcquire("a", { ttl: 100 }));
    expect(error).toMatchObject({ reason: "error" });
    heal();
  });

  it("R8 everything else is bounded by two sends, and never mistakes silence for an answer", async () => {
    const { locks, silence, heal } = silencer(rests.open());
    const lock = await locks.acquire("a", { autoRenew: false });
    silence();
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
    const { locks, silence, heal } = silencer(rest);
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
    silence();
    await eventually("a renewal has failed", () => failures > 0);
    heal();
    await eventually("the next one is answered", () => renewals > 0);
    lock.assertHeld();
    await lock.release();
  });
});

it("R8 an answer after requestTimeout is ignored: a lock it acquired is rolled back", async () => {
  const rest = rests.open();
  const stored = new StoredLock(rest, "a");
  rest.session.faults.add({ kind: "hang", script: "acquire", apply: true });
  const locks = rest.locks({ database: databaseOf(rest, rest.redis) });
  const error = await rejectionSoon(locks.tryAcquire("a", { ttl: 60_000 }));
  expect(error).toMatchObject({ reason: "error" });
  await Promise.all(rest.pledges);
  expect(await stored.record()).toBeNull();
});

it("R8 an acquire that exhausted its own budget says so in its cause", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "hang", script: "acquire" });
  const locks = rest.locks({ database: databaseOf(rest, rest.redis) });
  const error = await rejectionSoon(locks.tryAcquire("a"));
  expect(error).toMatchObject({ cause: { code: "LOCK_DATABASE", applied: "unknown" } });
  expect(String((error as Error).cause)).toMatch(/within \d+ ms/);
});
