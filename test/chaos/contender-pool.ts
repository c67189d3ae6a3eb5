import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { supervise } from "../../dev/redis/supervisor.ts";
import type { ContenderTask } from "./contender.ts";

const PROGRAM = fileURLToPath(new URL("contender.ts", import.meta.url));

/** A contending process, which cannot outlive this one, paused or not. */
interface Member {
  readonly name: string;
  readonly pid: number;
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Processes that contend for the same locks. */
export class ContenderPool {
  readonly #task: Omit<ContenderTask, "name">;
  readonly #members = new Map<string, Member>();
  #started = 0;
  #adding: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(task: Omit<ContenderTask, "name">) {
    this.#task = task;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Adds a process, after those being added. */
  add(): Promise<void> {
    const added = this.#adding.then(() => this.#start());
    this.#adding = added.catch(() => undefined);
    return added;
  }

  async #start(): Promise<void> {
    if (this.#isOver) return;
    this.#started += 1;
    const name = `p${this.#started}`;
    const task: ContenderTask = { ...this.#task, name };
    const folder = await mkdtemp(join(tmpdir(), "leasehold-contender-"));
    const args = ["--no-warnings", PROGRAM, JSON.stringify(task)];
    const program = {
      source: name,
      file: process.execPath,
      env: process.env,
      ownProcess: true,
      args: () => args,
    };
    const server = supervise(program, args, folder);
    const stop = (): Promise<void> => server.stop();
    this.#members.set(name, { name, pid: await server.pid, ended: server.ended, stop });
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** Kills one, and resolves when it is dead. False if it was already gone. */
  async kill(name: string): Promise<boolean> {
    const member = this.#members.get(name);
    if (member === undefined || !this.#members.delete(name)) return false;
    process.kill(member.pid, "SIGKILL");
    await member.ended;
    return true;
  }

  /** Pauses one (SIGSTOP) while `meanwhile` runs; nobody else can kill it meanwhile. */
  async pause(name: string, meanwhile: () => Promise<void>): Promise<boolean> {
    const member = this.#members.get(name);
    if (member === undefined || !this.#members.delete(name)) return false;
    process.kill(member.pid, "SIGSTOP");
    try {
      await meanwhile();
    } finally {
      this.#members.set(name, member);
      process.kill(member.pid, "SIGCONT");
    }
    return true;
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#adding;
    const members = [...this.#members.values()];
    this.#members.clear();
    await Promise.all(members.map((member) => member.stop()));
  }
}
