import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { startProgram } from "../support/program.ts";
import { useRest, type Rest } from "../support/rest.ts";
import type { JobTask } from "./job-process.ts";

const PROGRAM = fileURLToPath(new URL("job-process.ts", import.meta.url));

/** A busy machine takes its time to start a process. */
const LIMIT_MS = 60_000;

const rests = useRest();

/** Kills a process that has done the work of a job, and waits for the answer to its completion. */
async function killWhileItCompletes(rest: Rest, apply: boolean): Promise<void> {
  const { session, prefix } = rest;
  const { url, token, counters } = session;
  session.faults.add({ kind: "hang", script: "complete", times: 1, apply });
  const task: JobTask = { url, token, prefix, key: "job", ttl: 5_000 };
  const program = await startProgram("a job", PROGRAM, task);
  try {
    await eventually("it completes", () => counters.byScript["complete"] === 1, LIMIT_MS);
    if (apply)
      await eventually("it is stored", async () => (await rest.locks().recall("job")) !== null);
    process.kill(program.pid, "SIGKILL");
    await program.ended;
  } finally {
    await program.stop();
  }
}

it(
  "O3 a job whose process was killed before its completion runs again, once the TTL has passed",
  async () => {
    const rest = rests.open();
    await killWhileItCompletes(rest, false);
    let runs = 0;
    const again = rest.locks().once("job", () => (runs += 1), { ifRunning: "join" });
    expect(await again).toEqual({ status: "ran", result: 1, remembered: "result" });
    expect(await rest.locks().once("job", () => (runs += 1))).toMatchObject({ result: 1 });
  },
  2 * LIMIT_MS,
);

it(
  "O2 a job whose process was killed before it knew of its completion does not run again",
  async () => {
    const rest = rests.open();
    await killWhileItCompletes(rest, true);
    let runs = 0;
    const again = await rest.locks().once("job", () => `${(runs += 1)}`);
    expect(again).toMatchObject({ status: "remembered", result: "of the process that was killed" });
    expect(runs).toBe(0);
  },
  2 * LIMIT_MS,
);
