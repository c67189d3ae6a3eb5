/**
 * `npm run bench -- wire`: what one uncontended lock and its release cost on the wire, for each way to
 * connect: requests, commands and bytes of their bodies, once the scripts are known to Redis and before.
 */
import { Redis } from "@upstash/redis";
import { startStack } from "../dev/stack.ts";
import { LockService, RedisDatabase, type Database } from "../src/index.ts";
import { upstash } from "../src/upstash/index.ts";

const OPERATIONS = 50;

const stack = await startStack({ onProgress: (line) => console.log(line) });
try {
  const { url, token } = stack.session;
  const client = new Redis({ url, token, enableTelemetry: false });
  const evalOnly = {
    eval: (script: string, keys: string[], args: string[]): Promise<unknown> =>
      client.eval(script, keys, args),
  };
  const ways: readonly (readonly [string, Database])[] = [
    ["@upstash/redis, EVAL", new RedisDatabase(evalOnly)],
    ["@upstash/redis, EVALSHA", new RedisDatabase(client)],
    ["upstash(env)", upstash({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token })],
  ];
  for (const [name, database] of ways) await measure(name, database);
} finally {
  await stack.stop();
}

async function measure(name: string, database: Database): Promise<void> {
  const locks = new LockService({ database });
  const counters = stack.session.counters;
  const send = globalThis.fetch;
  let bytes = 0;
  globalThis.fetch = (input, init) => {
    bytes += typeof init?.body === "string" ? Buffer.byteLength(init.body) : 0;
    return send(input, init);
  };
  await locks.withLock("warm", () => undefined);
  bytes = 0;
  counters.reset();
  const started = performance.now();
  for (let done = 0; done < OPERATIONS; done += 1) await locks.withLock("key", () => undefined);
  const ms = (performance.now() - started) / OPERATIONS;
  globalThis.fetch = send;
  const requests = counters.requests / OPERATIONS;
  console.log(
    `${name.padEnd(26)} ${requests} requests, ${Math.round(bytes / OPERATIONS)} bytes, ${ms.toFixed(2)} ms an operation`,
  );
}
