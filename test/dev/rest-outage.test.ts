import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, expect, test as anyTest } from "vitest";
import { startRestFront } from "../../dev/rest/front.ts";
import { startStack } from "../../dev/stack.ts";
import type { Stack } from "../../dev/stack.ts";
import { eventually } from "./eventually.ts";
import { env, onlyBorrowedRedis } from "./own-redis.ts";

const test = anyTest.skipIf(onlyBorrowedRedis);
let stack: Stack;

beforeAll(async () => {
  if (!onlyBorrowedRedis) {
    stack = await startStack({ env });
  }
});

afterAll(() => stack?.stop());

function connect(): Redis {
  const { url, token } = stack.session;
  return new Redis({ url, token, retry: { retries: 0 } });
}

test("the first command after a restart of Redis is answered", async () => {
  const redis = connect();
  await redis.set("before", "1");
  await stack.redis.restart();
  expect(await redis.get("before")).toBeNull();
});

test("while Redis is down every endpoint answers with an error, and recovers with it", async () => {
  const redis = connect();
  await stack.redis.stop();
  await expect(redis.get("k")).rejects.toThrow(/Redis cannot be reached/);
  await expect(redis.multi().get("k").exec()).rejects.toThrow(/Redis cannot be reached/);
  const headers = { authorization: `Bearer ${stack.session.token}` };
  const stream = await fetch(`${stack.session.url}/subscribe/c`, { headers });
  expect(stream.status).toBe(503);
  await stream.text();
  await stack.redis.restart();
  await Promise.all([redis.set("k", "1"), redis.multi().get("k").exec()]);
  expect(await redis.get("k")).toBe(1);
});

test("a command in flight when Redis dies is answered with an error and never sent again", async () => {
  const redis = connect();
  await redis.ping();
  const before = stack.session.counters.applied;
  const endless = redis.eval("while true do end", [], []);
  const failed = expect(endless).rejects.toThrow(/Redis went away/);
  await eventually("the command was sent", () => stack.session.counters.applied > before);
  await stack.redis.restart();
  await failed;
  // If it were sent again, this would be answered with BUSY, or not at all.
  expect(await redis.ping()).toBe("PONG");
});

test("a subscription ends when Redis goes away", async () => {
  const headers = { authorization: `Bearer ${stack.session.token}` };
  const stream = await fetch(`${stack.session.url}/subscribe/c`, { headers });
  const ended = expect(stream.text()).rejects.toThrow();
  await stack.redis.restart();
  await ended;
});

test("stopping the front cuts off requests in flight and frees its port", async () => {
  const front = await startRestFront({ redisUrl: stack.redis.url });
  const session = front.openSession();
  const redis = new Redis({ url: session.url, token: session.token, retry: { retries: 0 } });
  session.faults.add({ kind: "hang", match: "get" });
  session.faults.add({ kind: "delay-request", match: "set", ms: 3_600_000 });
  const requests = [redis.get("k"), redis.set("k", "1")];
  const failed = Promise.all(requests.map((one) => expect(one).rejects.toThrow(TypeError)));
  await eventually("both have arrived", () => session.counters.requests === 2);
  await front.stop();
  await failed;
  const again = await startRestFront({
    redisUrl: stack.redis.url,
    port: Number(new URL(front.url).port),
  });
  await again.stop();
});
