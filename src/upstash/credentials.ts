import { LockConfigurationError } from "../errors.ts";

/** Where a Redis is reached over REST. */
export interface Credentials {
  readonly url: string;
  readonly token: string;
}

/** Upstash's own names, then those that Vercel KV had, and integrations of its marketplace still set. */
const NAMES = [
  ["UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"],
  ["KV_REST_API_URL", "KV_REST_API_TOKEN"],
] as const;

/** Something with variables, and what it is called in errors. */
interface Place {
  readonly name: string;
  readonly variables: object;
}

/**
 * The first complete pair: of `env`, then of `process.env`; in each Upstash's, then `KV_*`. URL and
 * token never come from two places.
 *
 * @throws LockConfigurationError naming the variable that is missing or invalid, and where it was not found
 */
export function findCredentials(env: object | undefined): Credentials {
  const places = placesOf(env);
  for (const place of places) {
    for (const names of NAMES) {
      const [url, token] = names.map((name) => valueOf(place, name));
      if (url === undefined && token === undefined) continue;
      return {
        url: checkUrl(place, names[0], checkPresent(place, names, 0)),
        token: checkToken(place, names[1], checkPresent(place, names, 1)),
      };
    }
  }
  const pairs = NAMES.map((names) => names.join(" and ")).join(", or ");
  const where = places.map(({ name }) => name).join(" and ") || "no environment";
  throw new LockConfigurationError(
    NAMES[0][0],
    `is missing. Looked in ${where} for ${pairs}; on Cloudflare Workers pass the bindings, upstash(env)`,
  );
}

function placesOf(env: object | undefined): Place[] {
  const { process } = globalThis as { readonly process?: { readonly env?: object } };
  const own = env === undefined ? [] : [{ name: "the env that was passed", variables: env }];
  const variables = process?.env;
  if (variables === undefined || variables === env) return own;
  return [...own, { name: "process.env", variables }];
}

function valueOf({ variables }: Place, name: string): unknown {
  const value: unknown = Reflect.get(variables, name);
  return typeof value === "string" ? value.trim() : value;
}

/** Half a pair is an error: the other half must not come from somewhere else. */
function checkPresent(place: Place, names: readonly [string, string], half: 0 | 1): string {
  const value = valueOf(place, names[half]);
  if (typeof value === "string" && value !== "") return value;
  const what = value === undefined ? "missing" : "empty or not a string";
  const other = names[half === 0 ? 1 : 0];
  throw new LockConfigurationError(names[half], `is ${what} in ${place.name}, which has ${other}`);
}

/** The value itself is never shown: it may be a secret in the wrong place. */
function checkUrl({ name: place }: Place, name: string, value: string): string {
  const fail = (why: string): never => {
    throw new LockConfigurationError(name, `of ${place} must ${why}`);
  };
  if (!URL.canParse(value)) return fail("be an https:// URL, but is not a URL");
  const { protocol, username, password } = new URL(value);
  if (protocol !== "https:" && protocol !== "http:") {
    const hint = protocol.startsWith("redis") ? " (the REST URL, not the one for TCP)" : "";
    return fail(`be an https:// URL${hint}, but does not begin so`);
  }
  if (username !== "" || password !== "") {
    return fail("not contain a user or password: the token is a variable of its own");
  }
  return value.replace(/\/+$/, "");
}

/** Valid in a header (RFC 9110): `fetch` would quote anything else in its error. */
function checkToken({ name: place }: Place, name: string, value: string): string {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  const why = "contains a character that is not valid in an HTTP header";
  throw new LockConfigurationError(name, `of ${place} ${why}`);
}
