import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { RedisProgram } from "./program.ts";

/**
 * The server runs exactly as long as the pipe on the shell's stdin is open: the kernel closes it however this process ends, SIGKILL
 * included. The shell has its own process group, so Ctrl-C reaches us first and we can still talk to the server while cleaning up.
 */
const SCRIPT = `
# The reader of our output may be gone: reporting that the server was killed must not end us before the cleanup.
trap : PIPE
folder=$1; shift
exec 3<&0
sh -c 'echo "supervised $$"; exec "$@"' server "$@" </dev/null 3<&- & server=$!
trap 'kill "$server" 2>/dev/null' HUP INT TERM
( cat <&3 >/dev/null; kill "$server"; sleep 1; kill -9 "$server" ) >/dev/null 2>&1 &
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
rm -rf "$folder"
trap : TERM
kill 0
rm -rf "$folder"
kill -9 0
`;

export interface SupervisedServer {
  /** The server's process id. */
  readonly pid: Promise<number>;
  /** Settles when the server has exited, for whatever reason. */
  readonly ended: Promise<void>;
  /** The last lines it wrote, for error messages. */
  output(): string;
  stop(): Promise<void>;
}

/** Runs a server that cannot outlive this process; `folder` is removed with it. */
export function supervise(
  program: RedisProgram,
  args: readonly string[],
  folder: string,
): SupervisedServer {
  const child = spawn("sh", ["-c", SCRIPT, "supervisor", folder, program.file, ...args], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: program.env,
  });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-8_000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  // Writing to a shell that has exited must not become an uncaught error: `ended` reports it.
  child.stdin.on("error", () => {});
  const ended = childEnd(child);
  return {
    pid: supervisedPid(child),
    ended,
    output: () => output.replace(/^supervised \d+\n/, "").trim(),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

function childEnd(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
}

function supervisedPid(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let seen = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      seen = (seen + chunk.toString()).slice(0, 200);
      const pid = /^supervised (\d+)\n/.exec(seen)?.[1];
      if (pid !== undefined) {
        resolve(Number(pid));
      }
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error("the server's supervisor has exited")));
  });
}
