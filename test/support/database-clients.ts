import { Redis } from "@upstash/redis";
import { Redis as CloudflareRedis } from "@upstash/redis/cloudflare";
import type { RestSession } from "../../dev/rest/session.ts";
import type { RedisClient } from "../../src/index.ts";

/** A way a user may have set up `@upstash/redis`. */
export interface ClientSetup {
  readonly entry: "@upstash/redis" | "@upstash/redis/cloudflare";
  readonly enableAutoPipelining: boolean;
  readonly automaticDeserialization: boolean;
  readonly responseEncoding: "base64" | false;
}

/** Every combination. */
export const CLIENT_SETUPS: readonly ClientSetup[] = (
  ["@upstash/redis", "@upstash/redis/cloudflare"] as const
).flatMap((entry) =>
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
  return entry === "@upstash/redis" ? new Redis(config) : new CloudflareRedis(config);
}
