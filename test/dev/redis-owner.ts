// Run as a separate process by redis-lifetime.test.ts: it owns a Redis and exits in the requested way.
import { once } from "node:events";
import { createClient } from "@redis/client";
import { startStack, stopOnSignals } from "../../dev/stack.ts";

// Not the server that REDIS_URL may point to: this one gets killed.
const stack = await startStack({ env: { ...process.env, REDIS_URL: "" } });
if (process.argv[2] === "clean") {
  stopOnSignals(stack.stop);
}
if (process.argv[2] === "stuck") {
  stopOnSignals(() => new Promise<void>(() => {}));
}
const client = createClient({ url: stack.redis.url, RESP: 2 });
await client.connect();
const { dir: folder } = await client.configGet("dir");
client.destroy();
process.stdout.write(`${JSON.stringify({ pid: stack.redis.pid, folder })}\n`);
await once(process.stdin, "data");
if (process.argv[2] === "stop") {
  await stack.stop();
  process.stdin.destroy();
} else {
  throw new Error("an uncaught crash");
}
