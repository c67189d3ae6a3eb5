import { Redis } from "@upstash/redis";
import { LockConfigurationError } from "../errors.ts";
import { checkInteger, show } from "../check.ts";

/** Environment variables, or the bindings of a Worker; other entries are ignored. */
export type RedisEnv = Readonly<Record<string, unknown>>;

export interface RedisFromEnvOptions {
  /** Longest wait for the server, in ms: as RedisDatabase's `requestTimeout`. @default 2_000 */
  readonly timeout?: number | undefined;
}

/** Where the credentials are looked up, in this order: Upstash's own names, then Vercel KV's. */
const NAMES = [
  ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
  ["KV_REST_API_URL", "KV_REST_API_TOKEN"],
] as const;

/**
 * A client of `@upstash/redis` set up for locks: each command is sent once, within `timeout`, so that the
 * lock decides about retries; no guessing at JSON, no telemetry, no batching across requests.
 *
 * @param env the Worker's `env`, or by default `process.env`
 * @throws LockConfigurationError naming the variable that is missing or wrong
 * @example const database = new RedisDatabase(redisFromEnv(c.env));
 */
export function redisFromEnv(
  env: RedisEnv = processEnv(),
  { timeout = 2_000 }: RedisFromEnvOptions = {},
): Redis {
  checkInteger("timeout", timeout, 1);
  const found = NAMES.find(([url, token]) => env[url] !== undefined || env[token] !== undefined);
  const [urlName, tokenName] = found ?? NAMES[0];
  const url = checkUrl(urlName, checkPresent(urlName, env[urlName]));
  const token = checkToken(tokenName, checkPresent(tokenName, env[tokenName]));
  return new Redis({
    url,
    token,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(timeout),
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
  });
}

function processEnv(): RedisEnv {
  const { process } = globalThis as { readonly process?: { readonly env?: RedisEnv } };
  return process?.env ?? {};
}

function checkPresent(name: string, value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  const names = NAMES.map(([url, token]) => `${url} and ${token}`).join(", or ");
  throw new LockConfigurationError(
    name,
    `is ${value === undefined ? "missing" : "empty or not a string"}; set ${names} (in a Worker pass its env: redisFromEnv(c.env))`,
  );
}

/** The value itself is never shown: it may be a secret in the wrong place. */
function checkUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined)
    throw new LockConfigurationError(name, "must be an https:// URL, but is not a URL");
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    const hint = url.protocol.startsWith("redis") ? " (the REST URL, not the one for TCP)" : "";
    throw new LockConfigurationError(
      name,
      `must be an https:// URL${hint}, but begins ${show(url.protocol)}`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new LockConfigurationError(
      name,
      "must not contain a user or password; the token is a variable of its own",
    );
  }
  return value;
}

/** Valid in a header (RFC 9110): `fetch` would quote anything else in its error. */
function checkToken(name: string, value: string): string {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new LockConfigurationError(
    name,
    "contains a character that is not valid in an HTTP header",
  );
}
