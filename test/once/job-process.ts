/** A process that runs one job, and may be killed meanwhile. Its only argument is its task, as JSON. */
import { LockService } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";

export interface JobTask {
  readonly url: string;
  readonly token: string;
  readonly prefix: string;
  readonly key: string;
  readonly ttl: number;
}

if (import.meta.main) {
  const { url, token, prefix, key, ttl } = JSON.parse(process.argv[2] ?? "") as JobTask;
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const locks = new LockService({ database: upstash(env, { prefix, requestTimeout: 60_000 }) });
  await locks.once(key, () => "of the process that was killed", { ttl });
}
