import { createServer } from "node:net";
import { Redis } from "@upstash/redis";
import { describe, expect, it } from "vitest";
import { LockAcquisitionError, RedisDatabase, type RedisClient } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import type { FaultSpec } from "../../dev/rest/faults.ts";
import { resendingClient } from "../support/fault-clients.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** What a client may return or throw that no script of ours ever replied. */
const NO_ANSWERS: readonly (readonly [string, FaultSpec])[] = [
  ["null", { kind: "null-result" }],
  ["a proxy's error page", { kind: "error-html" }],
  ["a proxy's page with status 200", { kind: "error-html", status: 200 }],
  ["a truncated body", { kind: "cut-body" }],
  ["an unknown error", { kind: "error-json", error: "something went wrong" }],
  ["an error 503", { kind: "error-json", status: 503, error: "upstream" }],
];

describe.each(NO_ANSWERS)("R11 %s is never mistaken for an answer", (_, fault) => {
  it("R11 to an acquire: the lock is neither acquired nor held by another", async () => {
    const rest = rests.open();
    rest.session.faults.add({ ...fault, script: "acquire" });
    const trying = rest.locks().tryAcquire("a");
    await expect(trying).rejects.toMatchObject({ code: "LOCK_ACQUISITION", reason: "error" });
    await Promise.all(rest.pledges);
    expect(await new StoredLock(rest, "a").record()).toBeNull();
  });

  it("R11 to isHeld, isLocked, inspect and forceRelease: they throw", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    const lock = await locks.acquire("a");
    const heal = rest.session.faults.add(fault);
    const asked = [lock.isHeld(), locks.isLocked("a"), locks.inspect("a"), locks.forceRelease("a")];
    for (const answer of await Promise.allSettled(asked)) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "LOCK_DATABASE" } });
    }
    lock.assertHeld();
    heal();
    await lock.release();
  });

  it("R11 to a release: it is neither confirmed nor not owned", async () => {
    const rest = rests.open();
    const lock = await rest.locks().acquire("a");
    const heal = rest.session.faults.add({ ...fault, script: "release" });
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    heal();
    await lock.release();
  });
});

/** Values that clients have been seen to resolve with, or that a careless wrapper may return. */
const GARBAGE: readonly unknown[] = [
  null,
  undefined,
  "",
  "OK",
  0,
  1,
  true,
  {},
  [],
  [null],
  ["OK"],
  ["SUCCESS"],
  ["GRANTED", "no fence"],
  "GRANTED no fence",
  ["SOMEONE_ELSE_HOLDS_LOCK", "", 9, "", 10],
  { result: ["GRANTED", "1"] },
  "<html></html>",
];

it.each(GARBAGE.map((value) => [value]))(
  "R11 a client that resolves with %j is not trusted, and leaves nothing behind",
  async (value) => {
    const rest = rests.open();
    let isGarbling = true;
    const garbling: RedisClient = {
      async eval(script, keys, args) {
        const answer = await rest.redis.eval(script, keys, args);
        return isGarbling && script.includes("leasehold:acquire") ? value : answer;
      },
    };
    const database = new RedisDatabase(garbling, { prefix: rest.prefix });
    const locks = rest.locks({ database });
    await expect(locks.tryAcquire("a")).rejects.toMatchObject({ reason: "error" });
    await Promise.all(rest.pledges);
    isGarbling = false;
    await locks.withLock("a", (lock) => lock.assertHeld());
  },
);

describe("R11 a client whose static signal is aborted resolves to null, and", () => {
  it("R11 the lock is then neither acquired nor held by another", async () => {
    const rest = rests.open();
    const { url, token } = rest.session;
    const redis = new Redis({ url, token, signal: AbortSignal.abort() });
    const database = new RedisDatabase(redis, { prefix: rest.prefix, requestTimeout: 100 });
    const trying = rest.locks({ database }).tryAcquire("a", { ttl: 100 });
    await expect(trying).rejects.toMatchObject({ reason: "error" });
    await Promise.all(rest.pledges);
    expect(rest.session.counters.requests).toBe(0);
  });

  it("R11 the release is then not confirmed, and the lock expires with its TTL", async () => {
    const rest = rests.open();
    const { url, token } = rest.session;
    const controller = new AbortController();
    const redis = new Redis({ url, token, signal: controller.signal });
    const database = new RedisDatabase(redis, { prefix: rest.prefix, requestTimeout: 400 });
    const lock = await rest.locks({ database }).acquire("a", { ttl: 1_500, autoRenew: false });
    controller.abort();
    await expect(lock.release()).rejects.toMatchObject({ code: "LOCK_RELEASE_UNKNOWN" });
    expect(await new StoredLock(rest, "a").record()).toMatchObject({ ownerHash: lock.token });
    await Promise.all(rest.pledges);
    expect(await new StoredLock(rest, "a").record()).toBeNull();
    await lock.release();
  });
});

it("R11 an unreachable host is reason `error` with its cause, soon, and without secrets", async () => {
  const rest = rests.open();
  const token = "Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8";
  const url = `http://127.0.0.1:${await closedPort()}`;
  const clients = [
    restRedis({ url, token }),
    new Redis({ url, token, retry: { retries: 1, backoff: () => 1 } }),
  ];
  for (const client of clients) {
    const database = new RedisDatabase(client, { prefix: rest.prefix, requestTimeout: 1_000 });
    const locks = rest.locks({ database });
    const started = performance.now();
    const error: unknown = await locks
      .acquire("a", { ttl: 100 })
      .catch((thrown: unknown) => thrown);
    expect(performance.now() - started).toBeLessThan(1_000 + 1_000 + 4_000);
    expect(error).toBeInstanceOf(LockAcquisitionError);
    expect(error).toMatchObject({ reason: "error", cause: { applied: "unknown" } });
    const told = textOf(error);
    expect(told).toContain("ECONNREFUSED");
    for (const secret of [token, rest.prefix, "redis.call"]) expect(told).not.toContain(secret);
  }
  await Promise.all(rest.pledges);
});

it("R11 no error of a lost command reveals the command, its owner hash or the token", async () => {
  const rest = rests.open();
  const locks = rest.locks({
    database: new RedisDatabase(resendingClient(rest), { prefix: rest.prefix }),
  });
  const lock = await locks.acquire("a");
  rest.session.faults.add({ kind: "error-json", error: "something went wrong" });
  const asked = [locks.acquire("b", { ttl: 100 }), lock.extend(1_000), lock.release()];
  for (const answer of await Promise.allSettled(asked)) {
    const told = answer.status === "rejected" ? textOf(answer.reason) : "";
    expect(told).toContain("something went wrong");
    for (const secret of [
      rest.session.token,
      rest.prefix,
      "redis.call",
      "leasehold:acquire",
      lock.token,
    ]) {
      expect(told).not.toContain(secret);
    }
  }
  rest.session.faults.clear();
  await lock.release();
});

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.message}\n${error.stack}\n${textOf(error.cause)}`;
}

function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
