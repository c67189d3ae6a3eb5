import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { bin, ROOT } from "../support/built-package.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { redisStorage } from "../support/redis-storage.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

interface Child {
  readonly said: () => string;
  readonly isRunning: () => boolean;
  /** Its exit code. */
  readonly ended: Promise<unknown>;
}

/** A process that uses a lock as asked. */
function start(rest: Rest, use: "forget" | "wait" | "release"): Child {
  const { url, token } = rest.session;
  const env = { ...process.env, UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  const script = path.join(ROOT, "test/support/short-life.ts");
  const child = spawn(bin("node"), [script, use, rest.prefix], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += String(chunk);
    });
  }
  return {
    said: () => output,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    ended: once(child, "exit").then(([code]: unknown[]) => code),
  };
}

it("a process that forgets a lock it renews ends by itself, long before the lock", async () => {
  const rest = rests.open();
  const child = start(rest, "forget");
  expect(await child.ended).toBe(0);
  expect(child.said()).toBe("acquired\n");
  // Neither released nor renewed: it ended at once.
  expect(rest.session.counters.byScript).toEqual({ acquire: 1 });
  expect(await new StoredLock(rest, "a").pttl()).toBeGreaterThan(20_000);
  await redisStorage(rest.prefix, (...command) => rest.command(...command)).clear();
});

it("a process that waits for a lock stays until it has it", async () => {
  const rest = rests.open();
  const lock = await rest.locks().acquire("a");
  const child = start(rest, "wait");
  const { counters } = rest.session;
  await eventually("it has retried", () => (counters.byScript["acquire"] ?? 0) > 3);
  expect([child.said(), child.isRunning()]).toEqual(["waiting\n", true]);
  await lock.release();
  expect(await child.ended).toBe(0);
  expect(child.said()).toBe("waiting\nacquired\n");
  await redisStorage(rest.prefix, (...command) => rest.command(...command)).clear();
});

it("a process whose release is retried stays until it is over", async () => {
  const rest = rests.open();
  rest.session.faults.add({ kind: "drop-request", script: "release", times: 4 });
  const child = start(rest, "release");
  expect(await child.ended).toBe(0);
  expect(child.said()).toBe("acquired\nLOCK_RELEASE_UNKNOWN\n");
  expect(rest.session.counters.byScript["release"]).toBe(5);
  expect(await new StoredLock(rest, "a").record()).toBeNull();
});
