import { Redis } from "@upstash/redis";

/**
 * A client of `@upstash/redis` set up for locks: each command is sent once, within `timeoutMs`, without
 * guessing at JSON, telemetry or batches.
 */
export function restRedis(
  { url, token }: { readonly url: string; readonly token: string },
  timeoutMs = 2_000,
): Redis {
  return new Redis({
    url,
    token,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(timeoutMs),
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
  });
}
