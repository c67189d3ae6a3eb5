import { runCommand } from "./run-command.ts";

/** A way to run a Redis server in the foreground. */
export interface RedisProgram {
  /** Informational: where it came from. */
  readonly source: string;
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** False when the server runs in a container, whose process ids are not ours. */
  readonly ownProcess: boolean;
  /** The server's arguments for a loopback port and its own working directory. */
  readonly args: (port: number, folder: string) => string[];
}

/** Nothing is written to disk: lock tests need a server that starts empty. */
export const NO_PERSISTENCE: readonly string[] = ["--save", "", "--appendonly", "no"];

/** A redis-server or valkey-server that runs natively on this machine. */
export function nativeProgram(
  source: string,
  file: string,
  libraryFolders: readonly string[] = [],
): RedisProgram {
  const env =
    libraryFolders.length === 0
      ? process.env
      : { ...process.env, LD_LIBRARY_PATH: libraryFolders.join(":") };
  return {
    source,
    file,
    env,
    ownProcess: true,
    args: (port, folder) => {
      const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
      return [...place, "--daemonize", "no", ...NO_PERSISTENCE];
    },
  };
}

/** Whether it starts at all: the binary may lack a library or be built for another architecture. */
export async function verifyProgram(program: RedisProgram): Promise<boolean> {
  const { ok, output } = await runCommand(program.file, ["--version"], {
    timeoutMs: 10_000,
    env: program.env,
  });
  return ok && /server v=|server version/i.test(output);
}
