import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { supervise } from "../redis/supervisor.ts";

const READY_LIMIT_MS = 120_000;
const POLL_MS = 50;

export interface Server {
  readonly url: string;
  /** The end of what it has written so far, to stdout and to stderr. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

export interface StartServerOptions {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Finds the port in what it writes. */
  readonly ready: RegExp;
}

/** Starts a server, which cannot outlive this process, and waits until it has said where it listens. */
export async function startServer(options: StartServerOptions): Promise<Server> {
  const { command, cwd, env, ready } = options;
  // The supervisor removes this folder in the end: it must not be the project's.
  const folder = await mkdtemp(path.join(path.dirname(cwd), "server-"));
  const args = ["-c", 'cd "$1" && shift && exec "$@"', "sh", cwd, ...command];
  const program = { source: command[0], file: "sh", env, ownProcess: true, args: () => args };
  const server = supervise(program, args, folder);
  server.pid.catch(() => {});
  let isOver = false;
  void server.ended.then(() => (isOver = true));
  const output = (): string => server.output();
  const stop = (): Promise<void> => server.stop();
  for (const since = Date.now(); Date.now() - since < READY_LIMIT_MS; await sleep(POLL_MS)) {
    const port = ready.exec(output())?.[1];
    if (port !== undefined) return { url: `http://127.0.0.1:${port}`, output, stop };
    if (isOver) break;
  }
  await stop();
  throw new Error(`${command.join(" ")} did not start.\n${output().slice(-3_000)}`);
}
