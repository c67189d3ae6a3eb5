// Run as a separate process by process-life.test.ts: uses a lock as asked, and never ends by itself.
import { LockService, isLockError } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";

const [use, prefix] = process.argv.slice(2);
const locks = new LockService({ database: upstash(undefined, { prefix: prefix ?? "" }) });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (use === "wait") say("waiting");
const lock = await locks.acquire("a", { ttl: 30_000, autoRenew: true, waitTimeout: 60_000 });
say("acquired");
if (use === "release") {
  await lock.release().catch((error: unknown) => say(isLockError(error) ? error.code : "?"));
}
