/**
 * `npm run bench -- list [foreign keys]`: what a look at 1,000 locks costs among a million keys of others:
 * time, commands, and the longest time that Redis served nobody else, by its SLOWLOG. And what one page
 * costs whose every key is hostile.
 */
import { createClient } from "@redis/client";
import { startStack } from "../dev/stack.ts";
import { LockService } from "../src/index.ts";
import { upstash } from "../src/upstash/index.ts";

const FOREIGN = Number(process.argv[3] ?? 1_000_000);
const LOCKS = 1_000;
const PART = 10_000;
const LONGEST_MS = 10;

const stack = await startStack({ onProgress: (line) => console.log(line) });
const redis = await createClient({ url: stack.redis.url }).connect();
const { url, token } = stack.session;
const database = upstash({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token });
const locks = new LockService({ database, maxTtl: 600_000 });
try {
  for (let from = 0; from < FOREIGN; from += PART) {
    const keys = Array.from({ length: Math.min(PART, FOREIGN - from) }, (_, at) => from + at);
    await redis.mSet(Object.fromEntries(keys.map((at) => [`session:${at}`, `of a user ${at}`])));
  }
  for (let at = 0; at < LOCKS; at += 100) {
    const some = Array.from({ length: 100 }, (_, index) => `order:${at + index}`);
    await locks.acquire(some, { ttl: 600_000, autoRenew: false });
  }
  console.log(`${await redis.dbSize()} keys, ${LOCKS} of them locks`);
  for (let round = 1; round <= 3; round += 1) await measure(`look ${round}`);
  await measure("look at one", "order:17");
  // Each 16 kB of what cannot be read, under names that are ours.
  for (let at = 0; at < 2_000; at += 1) {
    await redis.set(`leasehold:lock:big:${at}`, '{"a":['.repeat(20_000));
    await redis.set(`leasehold:done:big:${at}`, `{"result":"${"x".repeat(200_000)}"}`);
  }
  await measure("with hostile values");
} finally {
  redis.destroy();
  await stack.stop();
}

async function measure(name: string, match?: string): Promise<void> {
  await redis.configSet("slowlog-log-slower-than", "0");
  await redis.configSet("slowlog-max-len", "100000");
  await redis.sendCommand(["SLOWLOG", "RESET"]);
  const listing = locks.list({ match });
  const keys = new Set<string>();
  const start = performance.now();
  for await (const { key } of listing) keys.add(key);
  const ms = performance.now() - start;
  const log = (await redis.sendCommand(["SLOWLOG", "GET", "-1"])) as unknown as SlowCommand[];
  const scripts = log.filter(([, , , words]) => /^EVAL/i.test(words[0] ?? ""));
  const times = scripts.map(([, , micros]) => micros / 1_000).toSorted((one, other) => one - other);
  const at = (share: number): string =>
    (times[Math.floor((times.length - 1) * share)] ?? NaN).toFixed(2);
  const total = times.reduce((sum, time) => sum + time, 0);
  console.log(
    `${name.padEnd(20)} ${keys.size} entries, ${listing.commands} commands, ${Math.round(ms)} ms; ` +
      `Redis ${total.toFixed(0)} ms in all, a command ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  );
  if (listing.cursor !== null || Number(at(1)) > LONGEST_MS) process.exitCode = 1;
}

type SlowCommand = readonly [id: number, at: number, micros: number, words: readonly string[]];
