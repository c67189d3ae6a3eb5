import { execFile } from "node:child_process";

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** What a program wrote until it failed. */
export class ProgramError extends Error {
  readonly output: string;

  constructor(command: string, why: string, output: string) {
    super(`${command} ${why}\n${output.slice(-3_000)}`);
    this.output = output;
  }
}

/** Runs a program to its end; resolves with what it wrote, to stdout and then to stderr. */
export function runProgram(
  file: string,
  args: readonly string[],
  { cwd, env, timeoutMs, signal }: ProgramOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      { cwd, env, signal, timeout: timeoutMs, killSignal: "SIGTERM", maxBuffer: 16_000_000 },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`.trim();
        if (error === null) return resolve(output);
        const why = error.killed === true ? `took over ${timeoutMs / 1000} s` : "failed";
        reject(new ProgramError([file, ...args].join(" "), why, output || error.message));
      },
    );
    // No question is ever answered, so none may wait for an answer.
    child.stdin?.end();
  });
}
