import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { RestSession } from "../rest/session.ts";
import { installEnvironment, projectEnvironment } from "./environment.ts";
import { ROOT } from "./package.ts";
import { CannotInstall } from "./platform.ts";
import { ProgramError, runProgram } from "./program.ts";
import { startServer, type Server } from "./server.ts";

const INSTALL_LIMIT_MS = 600_000;
const RUN_LIMIT_MS = 300_000;

export interface ProjectOptions {
  readonly name: string;
  /** An empty folder for the project and what belongs to it. */
  readonly folder: string;
  /** The package as it would be published. */
  readonly tarball: string;
  /** Its Redis, over REST. */
  readonly session: RestSession;
  readonly signal: AbortSignal;
}

/** A newcomer's project: a copy of the example of that name, somewhere else. */
export class Project {
  readonly folder: string;
  readonly session: RestSession;
  readonly #name: string;
  readonly #home: string;
  readonly #tarball: string;
  readonly #signal: AbortSignal;
  readonly #servers: Server[] = [];

  constructor({ name, folder, tarball, session, signal }: ProjectOptions) {
    this.folder = path.join(folder, "project");
    this.session = session;
    this.#name = name;
    this.#home = path.join(folder, "home");
    this.#tarball = tarball;
    this.#signal = signal;
  }

  /** The variables that a deployment has. */
  get variables(): NodeJS.ProcessEnv {
    const { url, token } = this.session;
    return { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  }

  /**
   * Copies the project and installs its packages and ours with one command.
   *
   * @throws CannotInstall with npm's reason
   */
  async install(): Promise<void> {
    await mkdir(this.#home, { recursive: true });
    await cp(path.join(ROOT, "examples", this.#name), this.folder, { recursive: true });
    const args = ["install", this.#tarball, "--no-audit", "--no-fund", "--no-update-notifier"];
    const options = { cwd: this.folder, env: installEnvironment(), timeoutMs: INSTALL_LIMIT_MS };
    try {
      await runProgram("npm", args, { ...options, signal: this.#signal });
    } catch (error) {
      if (!(error instanceof ProgramError) || this.#signal.aborted) throw error;
      const reasons = error.output.match(/(?<=^npm error ).+$/gm) ?? [error.message];
      throw new CannotInstall(reasons.slice(0, 4).join("; "), { cause: error });
    }
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(path.join(this.folder, name), text);
  }

  read(name: string): Promise<string> {
    return readFile(path.join(this.folder, name), "utf8");
  }

  /** Runs a program to its end. It has no Redis, as at build time, unless given the variables. */
  run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return runProgram(this.#find(command), args, {
      cwd: this.folder,
      env: { ...projectEnvironment(this.#home), ...env },
      timeoutMs: RUN_LIMIT_MS,
      signal: this.#signal,
    });
  }

  /** Starts a server with the variables of a deployment. */
  async start(
    [command, ...args]: readonly [string, ...string[]],
    ready: RegExp,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Server> {
    const server = await startServer({
      command: [this.#find(command), ...args],
      cwd: this.folder,
      env: { ...projectEnvironment(this.#home), ...this.variables, ...env },
      ready,
    });
    this.#servers.push(server);
    return server;
  }

  /** What the servers wrote, for the report of a failure. */
  output(): string {
    return this.#servers.map((server) => server.output()).join("\n");
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.splice(0)) await server.stop();
  }

  /** `node`, a path, or a command that the project has installed. */
  #find(command: string): string {
    if (command === "node" || path.isAbsolute(command)) return command;
    return path.join(this.folder, "node_modules", ".bin", command);
  }
}
