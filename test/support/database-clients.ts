import { Redis } from "@upstash/redis";
import { Redis as CloudflareRedis } from "@upstash/redis/cloudflare";
import { Redis as FastlyRedis } from "@upstash/redis/fastly";
import { createClient } from "@vercel/kv";
import type { RestSession } from "../../dev/rest/session.ts";
import type { RedisClient } from "../../src/index.ts";
import { RestClient } from "../../src/upstash/rest-client.ts";

const ENTRIES = [
  "@upstash/redis",
  "@upstash/redis/cloudflare",
  "@upstash/redis/fastly",
  "@vercel/kv",
] as const;

/** A way a user may have set up `@upstash/redis`, or `@vercel/kv`, which wraps it. */
export interface ClientSetup {
  readonly entry: (typeof ENTRIES)[number];
  readonly enableAutoPipelining: boolean;
  readonly automaticDeserialization: boolean;
  readonly responseEncoding: "base64" | false;
}

/** Every combination. */
export const CLIENT_SETUPS: readonly ClientSetup[] = ENTRIES.flatMap((entry) =>
  [false, true].flatMap((enableAutoPipelining) =>
    [false, true].flatMap((automaticDeserialization) =>
      (["base64", false] as const).map((responseEncoding) => ({
        entry,
        enableAutoPipelining,
        automaticDeserialization,
        responseEncoding,
      })),
    ),
  ),
);

/** A client that sends each command once, however it encodes it. */
export function clientWith(
  { url, token }: RestSession,
  { entry, ...setup }: ClientSetup,
  signal?: AbortSignal,
): RedisClient {
  const config = { url, token, retry: { retries: 0 }, ...setup, ...(signal && { signal }) };
  switch (entry) {
    case "@upstash/redis":
      return new Redis(config);
    case "@upstash/redis/cloudflare":
      return new CloudflareRedis(config);
    case "@upstash/redis/fastly":
      return new FastlyRedis({ ...config, backend: "any" });
    case "@vercel/kv":
      return createClient(config);
  }
}

/** What `upstash()` uses. */
export function transportOf({ url, token }: Pick<RestSession, "url" | "token">): RedisClient {
  return new RestClient(() => ({ url, token }));
}

/** Every client, by what it is. */
export const CLIENTS: readonly (readonly [string, (session: RestSession) => RedisClient])[] = [
  ["the transport of upstash()", transportOf],
  ...CLIENT_SETUPS.map((setup) => {
    const { entry, enableAutoPipelining, automaticDeserialization, responseEncoding } = setup;
    const name = `${entry}, auto-pipelining ${enableAutoPipelining}, JSON ${automaticDeserialization}, encoding ${responseEncoding}`;
    return [name, (session: RestSession) => clientWith(session, setup)] as const;
  }),
];
