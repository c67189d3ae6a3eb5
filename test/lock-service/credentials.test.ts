import { expect, it } from "vitest";
import {
  LockAcquisitionError,
  LockConfigurationError,
  LockService,
  RedisDatabase,
} from "../../src/index.ts";
import { redisFromEnv, type RedisEnv } from "../../src/upstash/index.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const SECRET = "Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8";
const URL_NAME = "UPSTASH_REDIS_REST_URL";
const TOKEN_NAME = "UPSTASH_REDIS_REST_TOKEN";

/** Everything an error reveals, down to its last cause. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return [error.message, error.stack, JSON.stringify(error), textOf(error.cause)].join("\n");
}

function refusalOf(env: RedisEnv): LockConfigurationError {
  try {
    redisFromEnv(env);
  } catch (error) {
    if (error instanceof LockConfigurationError) return error;
    throw error;
  }
  return expect.fail("accepted");
}

it.each<[string, RedisEnv, string]>([
  ["nothing at all", {}, URL_NAME],
  ["no token", { [URL_NAME]: "https://127.0.0.1" }, TOKEN_NAME],
  ["no URL", { [TOKEN_NAME]: SECRET }, URL_NAME],
  ["a blank URL", { [URL_NAME]: "  ", [TOKEN_NAME]: SECRET }, URL_NAME],
  ["a blank token", { [URL_NAME]: "https://127.0.0.1", [TOKEN_NAME]: "\t " }, TOKEN_NAME],
  ["a token that is a number", { [URL_NAME]: "https://127.0.0.1", [TOKEN_NAME]: 7 }, TOKEN_NAME],
  ["a URL that is an object", { [URL_NAME]: {}, [TOKEN_NAME]: SECRET }, URL_NAME],
  ["no KV token", { KV_REST_API_URL: "https://127.0.0.1" }, "KV_REST_API_TOKEN"],
  ["a URL that is not one", { [URL_NAME]: "127.0.0.1:8080", [TOKEN_NAME]: SECRET }, URL_NAME],
  ["a URL with a typo in its scheme", { [URL_NAME]: "https//x", [TOKEN_NAME]: SECRET }, URL_NAME],
  ["a file as URL", { [URL_NAME]: "file:///etc/hosts", [TOKEN_NAME]: SECRET }, URL_NAME],
])("redisFromEnv refuses %s, naming what is wrong", (_, env, option) => {
  const error = refusalOf(env);
  expect(error.option).toBe(option);
  expect(error.message).toContain(option);
  expect(textOf(error)).not.toContain(SECRET);
});

it.each([
  ["the URL for TCP", `redis://default:${SECRET}@127.0.0.1:6379`],
  ["the URL for TLS", `rediss://default:${SECRET}@127.0.0.1:6379`],
  ["a URL with a password", `https://default:${SECRET}@127.0.0.1`],
  ["the token where the URL belongs", SECRET],
  ["a Redis CLI line", `redis-cli --tls -u redis://default:${SECRET}@127.0.0.1:6379`],
])("redisFromEnv refuses %s without repeating the secret", (_, url) => {
  const error = refusalOf({ [URL_NAME]: url, [TOKEN_NAME]: "token" });
  expect(error.option).toBe(URL_NAME);
  expect(textOf(error)).not.toContain(SECRET);
});

it("redisFromEnv accepts the KV names, and whitespace around pasted values", async () => {
  const rest = rests.open();
  const { url, token } = rest.session;
  const redis = redisFromEnv({ KV_REST_API_URL: ` ${url}\n`, KV_REST_API_TOKEN: `${token}\n` });
  const database = new RedisDatabase(redis, { prefix: rest.prefix });
  await rest.locks({ database }).withLock("a", (lock) => lock.assertHeld());
});

it.each([
  ["a line break", `${SECRET}\n${SECRET}`],
  ["a NUL", `${SECRET}\0${SECRET}`],
  ["a character that is invalid in a header", `${SECRET}☃`],
])("a token with %s does not appear in any error", async (_, token) => {
  const rest = rests.open();
  const error: unknown = await Promise.resolve()
    .then(() => redisFromEnv({ [URL_NAME]: rest.session.url, [TOKEN_NAME]: token }))
    .then((redis) => new LockService({ database: new RedisDatabase(redis) }))
    .then((locks) => locks.tryAcquire("a", { ttl: 100 }))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(textOf(error)).not.toContain(SECRET);
  expect(rest.session.counters.requests).toBe(0);
});

it("a wrong token is reason `error` at once, with the server's message and without the token", async () => {
  const rest = rests.open();
  const redis = redisFromEnv({ [URL_NAME]: rest.session.url, [TOKEN_NAME]: SECRET });
  const database = new RedisDatabase(redis, { prefix: rest.prefix, requestTimeout: 10_000 });
  const started = performance.now();
  const error: unknown = await rest
    .locks({ database })
    .acquire("a")
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LockAcquisitionError);
  expect(error).toMatchObject({ reason: "error", cause: { applied: "no", retriable: false } });
  expect(textOf(error)).toContain("WRONGPASS");
  expect(textOf(error)).not.toContain(SECRET);
  expect(textOf(error)).not.toContain(rest.prefix);
  expect(performance.now() - started).toBeLessThan(11_000);
});
