import { Redis } from "@upstash/redis";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { rememberScript } from "../../dev/rest/command.ts";
import { startRestFront } from "../../dev/rest/front.ts";
import type { RestSession } from "../../dev/rest/session.ts";
import {
  LockService,
  RedisDatabase,
  type LockEvent,
  type LockServiceOptions,
  type RedisClient,
} from "../../src/index.ts";
import { useRedisFixture, type RedisFixture } from "../chaos/redis-fixture.ts";
import { eventually } from "../dev/eventually.ts";
import { onlyBorrowedRedis } from "../dev/own-redis.ts";
import { CLIENTS, transportOf } from "../support/database-clients.ts";
import { everyScript } from "../support/every-script.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { restRedis } from "../support/rest-redis.ts";
import { allScripts } from "../support/scripts.ts";

/** One script unknown to Redis: its hash in vain, then its text. */
const ONE_MORE = { requests: 2, commands: 2, byName: { evalsha: 1, eval: 1 } };
const AS_EVER = { requests: 1, commands: 1, byName: { evalsha: 1 } };

/** Requests are counted: none may be sent again because the machine is busy. */
const PATIENCE_MS = 20_000;
const PATIENT = { prefix: "", requestTimeout: PATIENCE_MS };

it("scripts are sent without comments, but for their names", async () => {
  const scripts = await allScripts();
  expect(scripts).toHaveLength(15);
  const names = scripts.map((script) => {
    const [first, ...rest] = script.split("\n");
    expect(rest.join("\n")).not.toContain("--");
    return /^-- leasehold:([a-z-]+)$/.exec(first ?? "")?.[1];
  });
  expect(new Set(names).size).toBe(15);
  expect(names).not.toContain(undefined);
});

describe.skipIf(onlyBorrowedRedis)("a script that Redis does not know", () => {
  const open = useRedisFixture();

  beforeAll(async () => {
    // Lets the front name what an EVALSHA was to run.
    for (const script of await allScripts()) rememberScript(script);
  });

  const forget = ({ command }: RedisFixture): Promise<unknown> => command("SCRIPT", "FLUSH");

  it.each(CLIENTS)("costs one more request each, and nothing else: %s", async (_, clientOf) => {
    const fixture = open();
    const { counters } = fixture.session;
    const database = new RedisDatabase(clientOf(fixture.session), PATIENT);
    const scripts = new Set<string>();
    const proc = await everyScript(database, async ([operation, outcome]) => {
      await forget(fixture);
      counters.reset();
      expect(await operation()).toEqual(outcome);
      expect(counters).toMatchObject(ONE_MORE);
      for (const name of Object.keys(counters.byScript)) scripts.add(name);
    });
    expect(scripts.size).toBe(15);
    await fixture.command("DEL", proc);
  });

  it.each(CLIENTS)("is known from then on, and sent by its hash: %s", async (_, clientOf) => {
    const fixture = open();
    const { counters } = fixture.session;
    const database = new RedisDatabase(clientOf(fixture.session), PATIENT);
    for (const script of await allScripts()) await fixture.command("SCRIPT", "LOAD", script);
    const proc = await everyScript(database, async ([operation, outcome]) => {
      counters.reset();
      expect(await operation()).toEqual(outcome);
      expect(counters).toMatchObject(AS_EVER);
    });
    await fixture.command("DEL", proc);
  });

  describe.each([
    ["@upstash/redis", (session: RestSession) => restRedis(session, PATIENCE_MS)],
    ["the transport of upstash()", transportOf],
  ])("with %s,", (_, clientOf) => {
    const locksOf = (
      { session, locks }: RedisFixture,
      options: Partial<LockServiceOptions> = {},
    ): LockService =>
      locks({ database: new RedisDatabase(clientOf(session), PATIENT), ...options });

    it("in the middle of a hold: extension, check and release succeed", async () => {
      const fixture = open();
      const { counters } = fixture.session;
      const lock = await locksOf(fixture).acquire("a", { autoRenew: false });
      for (const use of [() => lock.extend(60_000), () => lock.isHeld(), () => lock.release()]) {
        await forget(fixture);
        counters.reset();
        expect(await use()).not.toBe(false);
        expect(counters).toMatchObject(ONE_MORE);
      }
      expect(fixture.events.map(({ type }) => type)).toEqual(["acquired", "renewed", "released"]);
    });

    it("in the middle of a hold: the lock is renewed all the same", async () => {
      const fixture = open();
      const runtime = new ManualRuntime();
      const lock = await locksOf(fixture, { runtime }).acquire("a", { ttl: 30_000 });
      await forget(fixture);
      fixture.session.counters.reset();
      await runtime.advance(10_000);
      const isRenewed = ({ type }: LockEvent): boolean => type === "renewed";
      await eventually("it is renewed", () => fixture.events.some(isRenewed));
      expect(fixture.session.counters).toMatchObject(ONE_MORE);
      expect(lock.signal.aborted).toBe(false);
      await lock.release();
    });

    it("after a restart of Redis: as at any other time", async () => {
      const fixture = open();
      const { session, redis } = fixture;
      const locks = locksOf(fixture);
      await locks.withLock("a", () => undefined);
      await redis.restart();
      // The front may have to reconnect, which the first request finds out.
      const { url, token } = session;
      const ping = () =>
        restRedis({ url, token })
          .ping()
          .catch(() => "");
      await eventually("it answers", async () => (await ping()) === "PONG");
      session.counters.reset();
      await locks.withLock("a", () => undefined);
      expect(session.counters.byScript).toEqual({ acquire: 2, release: 2 });
      expect(session.counters.byName).toEqual({ evalsha: 2, eval: 2 });
    });
  });

  it("in a pipeline: only the command concerned is sent again", async () => {
    const fixture = open();
    const { url, token, counters } = fixture.session;
    const redis = new Redis({ url, token, enableAutoPipelining: true, retry: { retries: 0 } });
    const database = new RedisDatabase(redis, { prefix: "" });
    const locks = new LockService({ database });
    const acquireBoth = () => Promise.all(["a", "b"].map((key) => locks.acquire(key)));
    // From now on the hashes are known, and two operations of one tick share a request.
    for (const lock of await acquireBoth()) await lock.release();
    await database.inspect("c");
    await forget(fixture);
    counters.reset();
    const held = await acquireBoth();
    expect(counters).toMatchObject({ requests: 2, byName: { evalsha: 2, eval: 2 } });
    await forget(fixture);
    const scripts = await allScripts();
    const inspection = scripts.find((script) => script.includes("leasehold:inspect")) ?? "";
    await fixture.command("SCRIPT", "LOAD", inspection);
    counters.reset();
    const [third, seen] = await Promise.all([locks.acquire("c"), database.inspect("a")]);
    expect(seen?.lockData?.ownerHash).toBe(held[0]?.token);
    expect(counters).toMatchObject({ requests: 2, byName: { evalsha: 2, eval: 1 } });
    for (const lock of [...held, third]) await lock.release();
  });

  it("whose text gets no answer may have been run (R9), and is rolled back (R11)", async () => {
    const fixture = open();
    const { url, token } = fixture.session;
    const redis = restRedis({ url, token });
    const forgetful: RedisClient = {
      eval: (script, keys, args) => redis.eval(script, keys, args),
      async evalsha(sha1, keys, args) {
        await forget(fixture);
        return redis.evalsha(sha1, keys, args);
      },
    };
    const database = new RedisDatabase(forgetful, { prefix: "" });
    fixture.session.faults.add({ kind: "drop-response", command: "eval", script: "acquire" });
    await expect(fixture.locks({ database }).tryAcquire("a")).rejects.toMatchObject({
      reason: "error",
      cause: { applied: "unknown" },
    });
    expect(fixture.session.faults.hits).toEqual({ "drop-response": 3 });
    await Promise.all(fixture.pledges);
    expect(await fixture.isStored("a")).toBe(false);
  });

  it("R9 a user who may not run it is refused for certain", async () => {
    const { command, redis } = open();
    await command("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~*", "+@all", "-evalsha");
    const redisUrl = redis.url.replace("//", "//limited:secret@");
    const front = await startRestFront({ redisUrl });
    onTestFinished(() => front.stop());
    const { url, token, counters } = front.openSession();
    const database = new RedisDatabase(restRedis({ url, token }), { prefix: "" });
    await expect(database.inspect("a")).rejects.toMatchObject({
      applied: "no",
      retriable: false,
      message: expect.stringContaining("NOPERM"),
    });
    expect(counters.byName).toEqual({ evalsha: 1 });
    await command("ACL", "DELUSER", "limited");
  });

  it("is sent whole by a client without evalsha", async () => {
    const { session, locks } = open();
    const redis = restRedis({ url: session.url, token: session.token });
    const client: RedisClient = { eval: (script, keys, args) => redis.eval(script, keys, args) };
    const database = new RedisDatabase(client, { prefix: "" });
    await locks({ database }).withLock("a", () => undefined);
    expect(session.counters.byName).toEqual({ eval: 2 });
  });
});

it("R8 a script is not sent once its caller has given up", async () => {
  const runtime = new ManualRuntime();
  const sent: string[] = [];
  let refuse = (_error: Error): void => {};
  const client: RedisClient = {
    eval: async () => sent.push("eval"),
    evalsha() {
      sent.push("evalsha");
      return new Promise((_resolve, reject) => {
        refuse = reject;
      });
    },
  };
  const database = new RedisDatabase(client, { runtime, requestTimeout: 1_000 });
  const inspecting = database.inspect("a").catch((error: unknown) => error);
  await eventually("it is sent", () => sent.length > 0);
  await runtime.advance(1_000);
  expect(await inspecting).toMatchObject({ applied: "unknown" });
  refuse(new Error("NOSCRIPT No matching script. Please use EVAL."));
  await runtime.advance(10_000);
  expect(sent).toEqual(["evalsha"]);
});
