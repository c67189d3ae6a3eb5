/**
 * `npm run bench -- once`: what a job that runs once costs: requests and bytes sent, the first time, for a
 * duplicate and for a batch; and what Redis keeps of it.
 */
import { createClient } from "@redis/client";
import { startStack } from "../dev/stack.ts";
import { LockService } from "../src/index.ts";
import { upstash } from "../src/upstash/index.ts";

const BATCH = 100;

const stack = await startStack({ onProgress: (line) => console.log(line) });
const redis = createClient({ url: stack.redis.url });
try {
  await redis.connect();
  const { url, token, counters } = stack.session;
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const locks = new LockService({ database: upstash(env, { prefix: "" }) });
  let bytes = 0;
  const send = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    bytes += typeof init?.body === "string" ? Buffer.byteLength(init.body) : 0;
    return send(input, init);
  };
  const measure = async (what: string, jobs: number, work: () => Promise<unknown>) => {
    bytes = 0;
    counters.reset();
    await work();
    const each = Math.round(bytes / jobs);
    console.log(`${what.padEnd(24)} ${counters.requests} requests, ${each} bytes sent a job`);
  };
  const result = { id: "ch_3MmlLrLkdIwHu7ix0snN0B15", amount: 1_000 };
  // Redis knows the scripts afterwards.
  await locks.once("warm", () => result);
  await measure("the first time", 1, () => locks.once("webhook:1", () => result));
  await measure("a duplicate", 1, () => locks.once("webhook:1", () => result));
  const items = Array.from({ length: BATCH }, (_, at) => `message:${at}`);
  const options = { key: (item: string) => item, work: () => result };
  await measure(`a batch of ${BATCH}`, BATCH, () => locks.onceEach(items, options));
  await measure("the same batch again", BATCH, () => locks.onceEach(items, options));
  const kept = await redis.memoryUsage("done:webhook:1");
  const length = JSON.stringify(result).length;
  console.log(
    `Redis keeps one key, ${kept} bytes with its overhead, for a result of ${length} bytes`,
  );
} finally {
  redis.destroy();
  await stack.stop();
}
