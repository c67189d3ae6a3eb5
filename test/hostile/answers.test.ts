import { createServer, type Server } from "node:http";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../dev/redis/probe.ts";
import { LockService, RedisDatabase, isLockError, systemRuntime } from "../../src/index.ts";
import type { LockServiceOptions, RedisClient, Runtime } from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { garbageText, hostileText, hostileValue, runs } from "../chaos/arbitraries.ts";

/** Speeds up the clock, so that waiting costs little: a second takes 20 ms here. */
const FASTER = 50;
const runtime: Runtime = {
  ...systemRuntime,
  now: () => ({ wall: Date.now() * FASTER, monotonic: performance.now() * FASTER }),
  sleep: (ms, signal) => systemRuntime.sleep(ms / FASTER, signal),
};
const pledges: Promise<unknown>[] = [];
const options: Omit<LockServiceOptions, "database"> = {
  runtime,
  defaultTtl: 1_000,
  // What is granted here may never be released.
  autoRenew: { maxHold: 2_000 },
  retry: { maxRetries: 0 },
  waitUntil: (promise) => void pledges.push(promise),
};

/** Every public method resolves with a value or rejects with a lock error. */
async function expectValueOrLockError(locks: LockService, isGrant: (fence: unknown) => boolean) {
  const settled = await Promise.allSettled([
    locks.tryAcquire("a"),
    locks.acquire(["a", "b"]),
    locks.isLocked("a"),
    locks.inspect("a"),
    locks.forceRelease("a"),
  ]);
  for (const outcome of settled) {
    if (outcome.status === "rejected" && !isLockError(outcome.reason)) throw outcome.reason;
  }
  for (const outcome of settled.slice(0, 2)) {
    const lock = outcome.status === "fulfilled" ? outcome.value : null;
    if (lock === null || typeof lock !== "object" || !("release" in lock)) continue;
    expect(lock.fence).toSatisfy(isGrant);
    const ends = [() => lock.isHeld(), () => lock.extend(2_000), () => lock.release()];
    for (const end of ends) {
      await end().catch((error: unknown) => {
        if (!isLockError(error)) throw error;
      });
    }
  }
}

const status = fc.constantFrom(
  "SUCCESS",
  "GRANTED",
  "RELEASED",
  "SOMEONE_ELSE_HOLDS_LOCK",
  "NO_KEY",
  "GONE",
  "LOST",
);
const word = fc.oneof(status, garbageText, fc.integer(), hostileValue, fc.integer().map(String));
const reply = fc.oneof(
  hostileValue,
  fc.tuple(status, fc.array(word, { maxLength: 5 })).map(([first, rest]) => [first, ...rest]),
  fc.tuple(fc.constant("SUCCESS"), fc.array(status)),
  fc.tuple(status, word).map(([first, next]) => `${first} ${fc.stringify(next)}`),
);

it("whatever a client returns or throws yields a value or a typed error, and no lock without a fence", async () => {
  const thrown = fc.oneof(
    hostileText,
    hostileText.map((text) => new Error(text)),
    fc.jsonValue(),
  );
  const property = fc.asyncProperty(reply, thrown, fc.nat(3), async (answer, error, chance) => {
    const client: RedisClient = {
      eval: () => (chance > 0 ? Promise.resolve(answer) : Promise.reject(error)),
    };
    const database = new RedisDatabase(client, { runtime, requestTimeout: 500 });
    const isGrant = (fence: unknown): boolean => {
      const words: unknown = typeof answer === "string" ? answer.split(" ") : answer;
      const [first, given] = Array.isArray(words) ? (words as unknown[]) : [];
      return first === "GRANTED" && Number(given) === fence && Number.isSafeInteger(fence);
    };
    await expectValueOrLockError(new LockService({ database, ...options }), isGrant);
  });
  await fc.assert(property, runs(50));
  await Promise.all(pledges);
});

it.each([
  ["an object without a prototype", Object.create(null) as unknown],
  ["an object that cannot be text", { toString: null }],
  ["nothing", undefined],
  ["a symbol", Symbol("thrown")],
  ["an error without a message", Object.assign(new Error("a"), { message: null })],
])("a client may throw anything: %s becomes a typed error", async (_, thrown) => {
  const client: RedisClient = { eval: () => Promise.reject(thrown) };
  const database = new RedisDatabase(client, { runtime, requestTimeout: 500 });
  const locks = new LockService({ database, ...options });
  await expect(locks.tryAcquire("a")).rejects.toMatchObject({ code: "LOCK_ACQUISITION" });
  await expect(locks.isLocked("a")).rejects.toMatchObject({ code: "LOCK_DATABASE" });
  await Promise.all(pledges);
});

let server: Server | undefined;
let url = "";
let respond: { status: number; headers: Record<string, string>; body: string | Buffer };

beforeAll(async () => {
  server = createServer((_, response) => {
    response.writeHead(respond.status, respond.headers).end(respond.body);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

it("whatever a server sends yields a value or a typed error that does not contain the service's token", async () => {
  const token = "the-token-of-the-service";
  const body = fc.oneof(
    garbageText.filter((text) => text.length < 10_000),
    fc.jsonValue().map((result) => JSON.stringify({ result })),
    hostileText.map((error) => JSON.stringify({ error: `${error} Bearer ${token}` })),
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    status.map((first) => JSON.stringify({ result: [Buffer.from(first).toString("base64"), 1] })),
  );
  const code = fc.constantFrom(200, 200, 200, 201, 400, 401, 404, 413, 429, 500, 502, 503);
  const type = fc.constantFrom("application/json", "text/html", "text/event-stream", "");
  const property = fc.asyncProperty(code, type, body, async (given, contentType, sent) => {
    respond = { status: given, headers: { "content-type": contentType }, body: sent };
    const redis = restRedis({ url, token });
    const database = new RedisDatabase(redis, { runtime, requestTimeout: 20_000 });
    const locks = new LockService({ database, ...options });
    const failed = await locks.tryAcquire("a").catch((error: unknown) => error);
    for (let error = failed; error instanceof Error; error = error.cause) {
      expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(token);
    }
    if (failed instanceof Error) expect(isLockError(failed, "LOCK_ACQUISITION")).toBe(true);
    await expectValueOrLockError(locks, Number.isSafeInteger);
  });
  await fc.assert(property, runs(30));
  respond = { status: 200, headers: {}, body: '{"result":["U1VDQ0VTUw==",""]}' };
  await Promise.all(pledges);
});
