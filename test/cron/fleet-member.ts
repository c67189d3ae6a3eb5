/**
 * One process of a fleet: node-cron tasks that are due every two seconds, by a clock that is wrong. Says that it is
 * ready, reads when the last occurrence is to be, prints a line for each run and each skipped one, and ends
 * after the last.
 */
import { once } from "node:events";
import { runCoordinator } from "../../src/cron/index.ts";
import { upstash } from "../../src/upstash/index.ts";

/** What a process is to do; times in ms. */
export interface FleetTask {
  readonly url: string;
  readonly token: string;
  readonly prefix: string;
  /** How far its clock is ahead. */
  readonly aheadMs: number;
  readonly tasks: readonly string[];
}

/** Every clock of the process but the monotonic one. */
function shiftClock(aheadMs: number): void {
  const TrueDate = Date;
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [target.now() + aheadMs] : args, newTarget),
    get: (target, name) =>
      name === "now" ? (): number => target.now() + aheadMs : Reflect.get(target, name),
  });
}

async function main({ url, token, prefix, aheadMs, tasks }: FleetTask): Promise<void> {
  shiftClock(aheadMs);
  const { schedule, setRunCoordinator } = await import("node-cron");
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  // The machine may be busy; a run that is skipped for want of an answer is another test.
  setRunCoordinator(runCoordinator(upstash(env, { prefix, requestTimeout: 60_000 })));
  const say = (what: string, name: string, date: Date): void =>
    console.log(`${what} ${name} ${date.toISOString()}`);
  console.log("ready");
  const [last] = (await once(process.stdin, "data")) as [Buffer];
  process.stdin.destroy();
  const scheduled = tasks.map((name) => {
    const options = {
      name,
      distributed: true,
      suppressMissedWarning: true,
      // A busy machine is late.
      missedExecutionTolerance: 2_000,
    } as const;
    const task = schedule("*/2 * * * * *", ({ date }) => say("ran", name, date), options);
    task.on("execution:skipped", ({ date, reason }) => say(String(reason), name, date));
    return task;
  });
  const leftMs = Number(String(last)) + 900 - Date.now();
  setTimeout(() => scheduled.forEach((task) => void task.stop()), leftMs);
}

await main(JSON.parse(process.argv[2] ?? "") as FleetTask);
