import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { escapeGlob } from "../../src/database/listing.ts";
import { LockService, Locker, RedisDatabase, type RedisClient } from "../../src/index.ts";
import { ManualRuntime } from "../../src/testing/index.ts";
import { eventually } from "../dev/eventually.ts";

const redis = createClient({ url: inject("redisUrl") });

/**
 * Everything sent to Redis in a session that uses every script, as text, so that no change of the wire
 * format, or of a script, goes unnoticed.
 */
class Recorder implements RedisClient {
  /** What was sent, in order. */
  readonly lines: string[] = [];
  readonly scripts = new Map<string, string>();
  /** Loses the answer of the next call. */
  losesNext = false;
  readonly #redis: Pick<typeof redis, "eval">;
  readonly #prefix: string;
  readonly #processes: string[] = [];

  constructor(client: Pick<typeof redis, "eval">, prefix: string) {
    this.#redis = client;
    this.#prefix = prefix;
  }

  note(text: string): void {
    this.lines.push(`# ${text}`);
  }

  async eval(script: string, keys: string[], args: string[]): Promise<unknown> {
    const name = /-- leasehold:([a-z-]+)/.exec(script)?.[1] ?? "?";
    const flags = script.startsWith("#!") ? ` ${script.slice(0, script.indexOf("\n"))}` : "";
    const text = script.slice(flags.length);
    expect(this.scripts.get(name) ?? text, `the script ${name} is always the same`).toBe(text);
    this.scripts.set(name, text);
    const shown = [...keys, "|", ...args].map((word) => this.#show(word));
    this.lines.push([name + flags, ...shown].join("\n  "));
    const isLost = this.losesNext;
    this.losesNext = false;
    const reply = await this.#redis.eval(script, { keys, arguments: args });
    if (isLost) throw new TypeError("fetch failed");
    return reply;
  }

  /** Replaces what differs from run to run: the test's prefix, and the random process hashes. */
  #show(word: string): string {
    return word.replaceAll(this.#prefix, "P:").replaceAll(/leasehold\/\d+\.\d+/g, (processHash) => {
      if (!this.#processes.includes(processHash)) this.#processes.push(processHash);
      return `leasehold/RANDOM.${this.#processes.indexOf(processHash) + 1}`;
    });
  }
}

const prefix = `{${randomUUID()}}`;
beforeAll(async () => {
  await redis.connect();
});
afterAll(async () => {
  const keys = await redis.keys(`${escapeGlob(prefix)}*`);
  if (keys.length > 0) await redis.del(keys);
  await redis.close();
});

it("what is sent to Redis is, byte for byte, what was recorded", async () => {
  const recorder = new Recorder(redis, prefix);
  const runtime = new ManualRuntime({ seed: 7, random: () => 0.5 });
  const database = new RedisDatabase(recorder, { prefix, runtime });
  const locks = new LockService({ database, runtime, keyPrefix: "k:" });
  const sent = (count: number): Promise<void> =>
    eventually(`${count} commands`, () => recorder.lines.length >= count);

  recorder.note("a lock");
  await locks.withLock("free", () => undefined, { ttl: 5_000, trace: "trace" });

  recorder.note("two keys, renewed, extended, asked for and given back");
  const bound = locks.forRequest({});
  const pair = await bound.acquire(["a", "b"], { ttl: 6_000 });
  const single = await bound.acquire("c", { ttl: 9_000 });
  const before = recorder.lines.length;
  await runtime.advance(2_000);
  await sent(before + 1);
  await single.extend(60_000);
  await pair.isHeld();
  await pair.release();
  await single.release();

  recorder.note("a refusal");
  const held = await locks.acquire("held", { autoRenew: false });
  await locks.tryAcquire("held");

  recorder.note("a waiter, and its turn");
  const looks = recorder.lines.length;
  const waiting = locks.acquire("held", { waitTimeout: 10_000, autoRenew: false });
  await sent(looks + 1);
  await eventually("the waiter sleeps", () => runtime.pendingSleeps.some((ms) => ms < 1_000));
  await held.release();
  await runtime.advance(75);
  await (await waiting).release();

  recorder.note("a dead holder of another program");
  const dead = { ownerHash: "k:dead@other/1.1.0", processHash: "other/1.1" };
  const times = { acquiredAt: "2030-01-01T00:00:00.000Z", extendedAt: "2030-01-01T00:00:00.000Z" };
  await redis.set(`${prefix}lock:k:dead`, JSON.stringify({ ...dead, ...times }));
  await (await locks.acquire("dead")).release();

  recorder.note("an answer that is lost, and a call that gives up");
  recorder.losesNext = true;
  const found = locks.acquire("lost", { autoRenew: false });
  await eventually("the pause before the second send", () =>
    runtime.pendingSleeps.some((ms) => ms === 75),
  );
  await runtime.advance(75);
  await (await found).release();
  const end = new AbortController();
  const sends = recorder.lines.length;
  recorder.losesNext = true;
  const given = locks.acquire("lost", { signal: end.signal }).catch(() => "aborted");
  await eventually("the pause before the second send", () =>
    runtime.pendingSleeps.some((ms) => ms === 75),
  );
  end.abort();
  expect(await given).toBe("aborted");
  await sent(sends + 2);

  recorder.note("looks, and forced releases");
  const stuck = await locks.acquire("stuck", { autoRenew: false });
  await locks.inspect("stuck");
  await redis.set(`${prefix}lock:k:foreign`, JSON.stringify({ ...dead, ...times }));
  await locks.isLocked("foreign");
  await locks.forceRelease("stuck");
  await stuck.release().catch(() => undefined);
  await redis.set(`${prefix}lock:k:garbage`, "no record");
  await locks.forceRelease("garbage");

  recorder.note("the primitives");
  const owner = { ownerHash: "key@me/1.1.0", processHash: "me/1.1", trace: undefined };
  const record = database.createLockData(owner);
  await database.saveProcessData("me/1.1", database.createProcessData(), 5_000);
  await database.readProcessData("me/1.1");
  await database.tryCreate("key", record, 5_000);
  await database.tryUpdate("key", record, 6_000, record.ownerHash);
  await database.readLockData("key");
  await database.tryDelete("key", record.ownerHash);

  recorder.note("a Locker");
  const options = { reportWriteMs: 400, reportTtlMs: 2_000, lockRecheckMs: 500, lockTtlMs: 9_000 };
  const locker = new Locker({ database, runtime, ...options });
  await locker.acquireAndRun("job", async (heartbeater) => {
    runtime.jump({ wall: 600, monotonic: 600 });
    await heartbeater.heartbeat();
    const beats = recorder.lines.length;
    await runtime.advance(0);
    await sent(beats + 1);
  });
  const other = await locker.acquire("other", "trace");
  if (other.status !== "SUCCESS") throw new Error("the key is free");
  await new Locker({ database, runtime, ...options }).release("other", other.lockData);
  await locker.terminate();

  recorder.note("a lock that is handed off, and its string delivered twice");
  const handOff = (await locks.acquire(["a", "b"], { autoRenew: false })).detach();
  const attached = await locks.attach(handOff, { autoRenew: false });
  await locks.attach(handOff).catch(() => undefined);
  await attached.release();

  recorder.note("key locking, which stock Redis refuses");
  const locking = new RedisDatabase(recorder, { prefix, runtime, keyLocking: true });
  await locking.readLockData("key").catch(() => undefined);

  const scripts = [...recorder.scripts].map(([name, text]) => `## ${name}\n${text}`);
  await expect([...scripts, "", ...recorder.lines].join("\n")).toMatchFileSnapshot(
    "recorded-session.txt",
  );
});
