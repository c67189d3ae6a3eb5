import { afterEach, expect, it, vi } from "vitest";
import { LockAcquisitionError, LockConfigurationError, LockService } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";
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

/** What the first use of a database rejects with. */
async function refusalOf(env: object | undefined): Promise<LockConfigurationError> {
  const error: unknown = await upstash(env)
    .inspect("a")
    .catch((thrown: unknown) => thrown);
  if (error instanceof LockConfigurationError) return error;
  return expect.fail(`no LockConfigurationError, but ${String(error)}`);
}

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each<[string, object, string]>([
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
])("upstash refuses %s at its first use, naming what is wrong", async (_, env, option) => {
  const error = await refusalOf(env);
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
])("upstash refuses %s without repeating the secret", async (_, url) => {
  const error = await refusalOf({ [URL_NAME]: url, [TOKEN_NAME]: "token" });
  expect(error.option).toBe(URL_NAME);
  expect(textOf(error)).not.toContain(SECRET);
});

it("upstash accepts the KV names, and whitespace around pasted values", async () => {
  const rest = rests.open();
  const { url, token } = rest.session;
  const env = { KV_REST_API_URL: ` ${url}/\n`, KV_REST_API_TOKEN: `${token}\n` };
  const database = upstash(env, { prefix: rest.prefix });
  await rest.locks({ database }).withLock("a", (lock) => lock.assertHeld());
});

/** A complete pair of variables that points to nowhere, and names itself. */
function pair(names: "UPSTASH" | "KV", host: string): Record<string, string> {
  const url = `http://${host}.invalid:1`;
  return names === "KV"
    ? { KV_REST_API_URL: url, KV_REST_API_TOKEN: host }
    : { [URL_NAME]: url, [TOKEN_NAME]: host };
}

it.each<[string, object, Record<string, string>, string]>([
  ["env's own names", { ...pair("UPSTASH", "a"), ...pair("KV", "b") }, pair("UPSTASH", "c"), "a"],
  ["env's KV names", pair("KV", "b"), { ...pair("UPSTASH", "c"), ...pair("KV", "d") }, "b"],
  ["process.env's own names", {}, { ...pair("UPSTASH", "c"), ...pair("KV", "d") }, "c"],
  ["process.env's KV names", { PORT: 1 }, pair("KV", "d"), "d"],
])("the first complete pair counts: %s", async (_, env, variables, host) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const calls: Parameters<typeof fetch>[] = [];
  vi.stubGlobal("fetch", async (...call: Parameters<typeof fetch>) => {
    calls.push(call);
    return new Response("{}");
  });
  await upstash(env)
    .inspect("a")
    .catch(() => undefined);
  vi.unstubAllGlobals();
  const [url, init] = calls[0] ?? [];
  expect(url).toBe(`http://${host}.invalid:1`);
  expect(new Headers(init?.headers).get("authorization")).toBe(`Bearer ${host}`);
});

it("half a pair is an error, and never completed from another place", async () => {
  for (const [name, value] of Object.entries(pair("UPSTASH", "c"))) vi.stubEnv(name, value);
  const error = await refusalOf({ [URL_NAME]: "https://127.0.0.1" });
  expect(error.option).toBe(TOKEN_NAME);
  expect(error.message).toContain("the env that was passed");
});

it("an error says where it looked", async () => {
  expect((await refusalOf({})).message).toContain("the env that was passed and process.env");
  expect((await refusalOf(undefined)).message).toContain("Looked in process.env for");
});

it("variables are read at the first use, and an interface of bindings is accepted", async () => {
  interface Env {
    UPSTASH_REDIS_REST_URL: string;
    UPSTASH_REDIS_REST_TOKEN: string;
  }
  const rest = rests.open();
  const env: Env = { UPSTASH_REDIS_REST_URL: "", UPSTASH_REDIS_REST_TOKEN: "" };
  const database = upstash(env, { prefix: rest.prefix });
  env.UPSTASH_REDIS_REST_URL = rest.session.url;
  env.UPSTASH_REDIS_REST_TOKEN = rest.session.token;
  expect(await database.inspect("a")).toBeNull();
});

it.each([
  ["a line break", `${SECRET}\n${SECRET}`],
  ["a NUL", `${SECRET}\0${SECRET}`],
  ["a character that is invalid in a header", `${SECRET}☃`],
])("a token with %s does not appear in any error", async (_, token) => {
  const rest = rests.open();
  const error: unknown = await Promise.resolve()
    .then(() => upstash({ [URL_NAME]: rest.session.url, [TOKEN_NAME]: token }))
    .then((database) => new LockService({ database }))
    .then((locks) => locks.tryAcquire("a", { ttl: 100 }))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(textOf(error)).not.toContain(SECRET);
  expect(rest.session.counters.requests).toBe(0);
});

it("a wrong token is reason `error` at once, with the server's message and without the token", async () => {
  const rest = rests.open();
  const env = { [URL_NAME]: rest.session.url, [TOKEN_NAME]: SECRET };
  const database = upstash(env, { prefix: rest.prefix, requestTimeout: 10_000 });
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
