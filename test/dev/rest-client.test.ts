import { randomUUID } from "node:crypto";
import { Redis } from "@upstash/redis";
import { Redis as WorkerRedis } from "@upstash/redis/cloudflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startStack } from "../../dev/stack.ts";
import type { Stack } from "../../dev/stack.ts";
import { ownKeys } from "./own-keys.ts";

let stack: Stack;
const { key, removeAll } = ownKeys();

beforeAll(async () => {
  stack = await startStack();
});

afterAll(async () => {
  await removeAll(stack.front);
  await stack.stop();
});

const STRINGS = [
  "",
  "OK",
  "plain",
  "ünïcödé ☃ 🔒 日本語",
  'control \u0000\u0001\u001f\u007f and \r\n\t\\"',
  '{"ownerHash":"a/1.2","fence":9007199254740993}',
  "[1,[2]]",
  "123",
  "-0.50",
  "12345678901234567890",
  "true",
  "null",
  "undefined",
  "TTL=",
  "x".repeat(200_000),
];

const KINDS = [
  ["@upstash/redis", Redis],
  ["@upstash/redis/cloudflare", WorkerRedis],
] as const;

for (const [entry, Client] of KINDS) {
  for (const enableAutoPipelining of [true, false]) {
    for (const automaticDeserialization of [true, false]) {
      const modes = `auto-pipelining ${enableAutoPipelining}, deserialization ${automaticDeserialization}`;
      describe(`${entry}, ${modes}`, () => {
        const connect = (): Redis | WorkerRedis =>
          new Client({
            url: stack.session.url,
            token: stack.session.token,
            enableAutoPipelining,
            automaticDeserialization,
          });

        test("every string comes back as it was set", async () => {
          const redis = connect();
          await Promise.all(
            STRINGS.map(async (value) => {
              const at = key();
              expect(await redis.set(at, value)).toBe("OK");
              const echoed = await redis.eval("return {ARGV[1], {ARGV[1]}}", [], [value]);
              const expected = automaticDeserialization ? parsed(value) : value;
              expect(await redis.get(at)).toEqual(expected);
              expect(echoed).toEqual([expected, [expected]]);
              expect(await redis.strlen(at)).toBe(Buffer.byteLength(value));
            }),
          );
        });

        test("nested arrays, nulls, integers and statuses keep their shape", async () => {
          const script = "return {1, {'two', {'OK', false}}, false, redis.call('SET', KEYS[1], 1)}";
          const reply = await connect().eval(script, [key()], []);
          expect(reply).toEqual([1, ["two", ["OK", null]], null, "OK"]);
        });

        test("a status other than OK is readable", async () => {
          const redis = connect();
          expect(await redis.ping()).toBe("PONG");
          expect(await redis.eval("return {ok='FINE'}", [], [])).toBe("FINE");
        });

        test("a missing key is null", async () => {
          expect(await connect().get(key())).toBeNull();
        });

        test("an error reply rejects with its Redis prefix", async () => {
          const redis = connect();
          const at = key();
          await redis.lpush(at, "x");
          await expect(redis.incr(at)).rejects.toThrow(/WRONGTYPE/);
          await expect(redis.eval("return redis.call('NOPE')", [], [])).rejects.toThrow(/ERR/);
          await expect(redis.eval("syntax error", [], [])).rejects.toThrow(/ERR Error compiling/);
        });

        test("a pipeline replies in order, with an error in its place", async () => {
          const at = key();
          const pipeline = connect().pipeline().set(at, "text").incr(at).get(at).ttl(at);
          const replies = await pipeline.exec({ keepErrors: true });
          expect(replies.map(({ result }) => result)).toEqual(["OK", undefined, "text", -1]);
          expect(replies[1]?.error).toMatch(/ERR value is not an integer/);
        });

        test("a transaction continues after an error inside it, like in Redis", async () => {
          const at = key();
          const transaction = connect().multi().set(at, "text").incr(at).get(at);
          const replies = await transaction.exec({ keepErrors: true });
          expect(replies.map(({ result }) => result)).toEqual(["OK", undefined, "text"]);
        });

        test("a transaction with an unknown command is discarded as a whole", async () => {
          const redis = connect();
          const at = key();
          const transaction = redis.multi().set(at, "text").eval("return 1", [], []);
          // The client cannot send unknown commands: an arity error has the same effect.
          transaction.mget();
          await expect(transaction.exec()).rejects.toThrow(/EXECABORT|wrong number/);
          expect(await redis.exists(at)).toBe(0);
        });
      });
    }
  }
}

function parsed(value: string): unknown {
  try {
    const result: unknown = JSON.parse(value);
    // The client does not parse numbers that JavaScript cannot represent.
    return typeof result === "number" && String(result) !== value ? value : result;
  } catch {
    return value;
  }
}

test("a subscriber gets its confirmation and then every message, whatever its content", async () => {
  const { url, token } = stack.session;
  const redis = new Redis({ url, token });
  const channel = `channel${randomUUID()}`;
  const subscription = redis.subscribe<unknown>(channel);
  const confirmed = new Promise((resolve) => subscription.on("subscribe", resolve));
  const messages: unknown[] = [];
  const complete = new Promise<void>((resolve) => {
    subscription.on("message", ({ message }) => {
      messages.push(message);
      if (messages.length === 3) {
        resolve();
      }
    });
  });
  expect(await confirmed).toBe(1);
  expect(await redis.publish(channel, "a,b ☃")).toBe(1);
  await redis.publish(channel, { fence: 7 });
  await redis.publish(channel, "last");
  await complete;
  expect(messages).toEqual(["a,b ☃", { fence: 7 }, "last"]);
  await subscription.unsubscribe();
});

test("a wrong token is refused on every endpoint", async () => {
  const redis = new Redis({ url: stack.session.url, token: "wrong" });
  await expect(redis.get("k")).rejects.toThrow(/WRONGPASS/);
  await expect(redis.multi().get("k").exec()).rejects.toThrow(/WRONGPASS/);
  for (const path of ["/", "/pipeline", "/multi-exec", "/subscribe/c", "/get/k"]) {
    // oxlint-disable-next-line no-await-in-loop
    const response = await fetch(`${stack.session.url}${path}`, { method: "POST", body: "[]" });
    expect(response.status).toBe(401);
    // oxlint-disable-next-line no-await-in-loop
    expect(await response.json()).toEqual({ error: "WRONGPASS invalid or missing auth token" });
  }
});
