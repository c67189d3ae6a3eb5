import type { RedisClient } from "./client.ts";
import { isUnknownScript } from "./failure.ts";

/** Runs a script by its hash and, if Redis does not know it, whole: then nothing was run, and it is not too late. */
export async function evaluate(
  redis: RedisClient,
  script: string,
  keys: string[],
  args: string[],
  wait: AbortSignal,
): Promise<unknown> {
  if (redis.evalsha === undefined) return redis.eval(script, keys, args, wait);
  const sha1 = SHA1S.get(script) ?? (await sha1Of(script));
  if (wait.aborted) return undefined;
  try {
    return await redis.evalsha(sha1, keys, args, wait);
  } catch (error) {
    if (wait.aborted || !isUnknownScript(error)) throw error;
    return redis.eval(script, keys, args, wait);
  }
}

/** By script. Plain data: on Workers, a promise of one request must not be awaited in another. */
const SHA1S = new Map<string, string>();
async function sha1Of(script: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  const sha1 = hex.join("");
  SHA1S.set(script, sha1);
  return sha1;
}
