import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { supervise } from "../../dev/redis/supervisor.ts";

/** A process of a test, which cannot outlive it, paused or not. */
export interface Program {
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Runs a file in Node, in a process of its own; its only argument is its task, as JSON. */
export async function startProgram(source: string, file: string, task: unknown): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "leasehold-program-"));
  const args = ["--no-warnings", file, JSON.stringify(task)];
  const program = {
    source,
    file: process.execPath,
    env: process.env,
    ownProcess: true,
    args: () => args,
  };
  const server = supervise(program, args, folder);
  return { pid: await server.pid, ended: server.ended, stop: () => server.stop() };
}
