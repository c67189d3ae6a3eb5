import { fileURLToPath } from "node:url";
import { systemRuntime } from "../../src/index.ts";
import { startProgram, type Program } from "../support/program.ts";
import type { ContenderTask } from "./contender.ts";

const PROGRAM = fileURLToPath(new URL("contender.ts", import.meta.url));

const POLL_MS = 20;

/** Processes that contend for the same locks. */
export class ContenderPool {
  readonly #task: Omit<ContenderTask, "name">;
  readonly #isReady: (name: string) => Promise<boolean>;
  readonly #members = new Map<string, Program>();
  #started = 0;
  #adding: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(task: Omit<ContenderTask, "name">, isReady: (name: string) => Promise<boolean>) {
    this.#task = task;
    this.#isReady = isReady;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Adds a process, after those being added. Resolves when it contends, or the pool is stopped. */
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
    const member = await startProgram(name, PROGRAM, task);
    this.#members.set(name, member);
    let hasEnded = false;
    void member.ended.then(() => (hasEnded = true));
    while (!this.#isOver && !(await this.#isReady(name))) {
      // Killed since, or broken: that nobody acquires any more is noticed elsewhere.
      if (hasEnded) return;
      await systemRuntime.sleep(POLL_MS);
    }
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
