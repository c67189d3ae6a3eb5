// Run as a separate process by process-life.test.ts: uses a lock as asked, and never ends by itself.
import { LockService, isLockError } from "../../src/index.ts";
import { upstash } from "../../src/upstash/index.ts";

const [use, prefix] = process.argv.slice(2);
// On a busy machine an answer may take longer than the default, and would be asked for twice.
const options = { prefix: prefix ?? "", requestTimeout: 20_000 };
const locks = new LockService({ database: upstash(undefined, options) });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

if (use === "wait") say("waiting");
const lock = await locks.acquire("a", { ttl: 30_000, autoRenew: true, waitTimeout: 60_000 });
say("acquired");
if (use === "release") {
  await lock.release().catch((error: unknown) => say(isLockError(error) ? error.code : "?"));
}
