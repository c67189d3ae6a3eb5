import { execFile } from "node:child_process";

export interface RunOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface RunResult {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to completion. A missing program, a nonzero exit and a timeout are all `ok: false`, never a throw. */
export function runCommand(
  file: string,
  args: readonly string[],
  { timeoutMs, cwd, env = process.env }: RunOptions,
): Promise<RunResult> {
  return new Promise((resolve) => {
    execFile(
      file,
      [...args],
      { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 16_000_000, cwd, env },
      (error, stdout, stderr) => {
        const tail = error === null ? "" : `\n${error.message}`;
        resolve({ ok: error === null, output: `${stdout}${stderr}${tail}`.trim() });
      },
    );
  });
}
