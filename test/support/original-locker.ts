import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { afterAll, afterEach, beforeAll, inject } from "vitest";
import { CREATE, DELETE_IF_OWNER, UPDATE_IF_OWNER } from "./original-scripts.ts";

/** What distributed-locker stores for a lock: no fence, no livenessMs. Others may add fields. */
export interface OriginalRecord {
  readonly ownerHash: string;
  readonly processHash: string;
  readonly trace?: string;
  readonly acquiredAt: string;
  readonly extendedAt: string;
  readonly [field: string]: unknown;
}

export interface OriginalOutcome {
  readonly status: string;
  readonly lockData: OriginalRecord | null;
}

export interface OriginalOptions {
  readonly prefix: string;
  readonly reportWriteMs?: number;
  readonly reportTtlMs?: number;
  readonly lockTtlMs?: number;
}

type Command = (...command: (string | number)[]) => Promise<unknown>;

/** How it parses owner hashes; everyone who shares its locks must match. */
const OWNER_HASH = /^(.+)@([^/]+\/\d+\.\d+)\.\d+(#.*)?$/s;

/** Number of owner hashes created by this process. */
let owners = 0;

/**
 * One process of a Node fleet that runs distributed-locker: a stand-in with the same record format,
 * keys and steps, over TCP. It knows nothing about leasehold.
 */
export class OriginalLocker {
  readonly processHash = `web-1/${process.pid}.${process.hrtime.bigint()}${randomInt(1_000)}`;
  readonly #command: Command;
  readonly #options: Required<OriginalOptions>;
  readonly #end = new AbortController();
  #reporting: Promise<void> | undefined;

  constructor(command: Command, options: OriginalOptions) {
    this.#command = command;
    this.#options = { reportWriteMs: 2_000, reportTtlMs: 10_000, lockTtlMs: 300_000, ...options };
  }

  /** Tries to create; if refused, checks the holder's process; if that is dead, deletes and tries again. */
  async acquire(key: string, trace?: string): Promise<OriginalOutcome> {
    await this.#startReporting();
    const ownerHash = `${key}@${this.processHash}.${(owners += 1)}${trace ? `#${trace}` : ""}`;
    const now = new Date().toJSON();
    const record: OriginalRecord = {
      ownerHash,
      processHash: this.processHash,
      ...(trace ? { trace } : {}),
      acquiredAt: now,
      extendedAt: now,
    };
    const args = [JSON.stringify(record), this.#options.lockTtlMs];
    const first = await this.#eval(CREATE, key, ...args);
    if (first.lockData === null || first.status === "SUCCESS") return first;
    if (await this.#isAlive(first.lockData.processHash)) return first;
    await this.#eval(DELETE_IF_OWNER, key, first.lockData.ownerHash);
    return this.#eval(CREATE, key, ...args);
  }

  async extend(key: string, record: OriginalRecord): Promise<OriginalOutcome> {
    const extended = { ...record, extendedAt: new Date().toJSON() };
    const args = [JSON.stringify(extended), this.#options.lockTtlMs];
    return this.#eval(UPDATE_IF_OWNER, key, record.ownerHash, ...args);
  }

  async release(key: string, record: OriginalRecord): Promise<OriginalOutcome> {
    return this.#eval(DELETE_IF_OWNER, key, record.ownerHash);
  }

  /** What its heartbeats check: the stored record must still be its own. */
  async isHeld(key: string, { ownerHash }: OriginalRecord): Promise<boolean> {
    return (await this.#read(key))?.ownerHash === ownerHash;
  }

  async readLockData(key: string): Promise<OriginalRecord | "maybe_unlocked"> {
    const record = await this.#read(key);
    return record && (await this.#isAlive(record.processHash)) ? record : "maybe_unlocked";
  }

  async readOwnerHashStatus(ownerHash: string): Promise<OriginalOutcome & { key: string | null }> {
    const key = OWNER_HASH.exec(ownerHash)?.[1];
    if (key === undefined) return { status: "MALFORMED_OWNER_HASH", lockData: null, key: null };
    const lockData = await this.#read(key);
    if (lockData === null) return { status: "NO_KEY", lockData, key };
    if (!(await this.#isAlive(lockData.processHash))) {
      return { status: "NO_RUNNING_PROCESS", lockData, key };
    }
    const isOwn = lockData.ownerHash === ownerHash;
    return { status: isOwn ? "RUNNING" : "SOMEONE_ELSE_HOLDS_LOCK", lockData, key };
  }

  /** The process is gone, and its liveness record has expired. */
  async die(): Promise<void> {
    await this.stop();
    await this.#command("DEL", this.#procName(this.processHash));
  }

  /** Stops the liveness reports. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#reporting;
  }

  /** Nothing is acquired before the process has reported itself alive. */
  async #startReporting(): Promise<void> {
    if (this.#reporting !== undefined) return;
    await this.#report();
    this.#reporting = this.#goOnReporting();
  }

  async #goOnReporting(): Promise<void> {
    const { signal } = this.#end;
    for (;;) {
      await sleep(this.#options.reportWriteMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.#report();
    }
  }

  async #report(): Promise<void> {
    const data = JSON.stringify({ aliveAt: new Date().toJSON() });
    const name = this.#procName(this.processHash);
    await this.#command("SET", name, data, "PX", this.#options.reportTtlMs);
  }

  async #isAlive(processHash: string): Promise<boolean> {
    const text = await this.#command("GET", this.#procName(processHash));
    return typeof text === "string" && text !== "" && JSON.parse(text) !== null;
  }

  async #read(key: string): Promise<OriginalRecord | null> {
    return recordOf(await this.#command("GET", this.#lockName(key)));
  }

  async #eval(script: string, key: string, ...args: (string | number)[]): Promise<OriginalOutcome> {
    const reply = await this.#command("EVAL", script, 1, this.#lockName(key), ...args);
    const [status, text] = Array.isArray(reply) ? (reply as unknown[]) : [];
    return { status: String(status), lockData: recordOf(text) };
  }

  #lockName(key: string): string {
    return `${this.#options.prefix}lock:${key}`;
  }

  #procName(processHash: string): string {
    return `${this.#options.prefix}proc:${processHash}`;
  }
}

function recordOf(text: unknown): OriginalRecord | null {
  return typeof text === "string" && text !== "" ? (JSON.parse(text) as OriginalRecord) : null;
}

/** Gives the tests of a file processes of the original on one TCP connection, and stops them afterwards. */
export function useOriginals(): { readonly start: (options: OriginalOptions) => OriginalLocker } {
  const client = createClient();
  let redis: typeof client | undefined;
  const started: OriginalLocker[] = [];
  beforeAll(async () => {
    redis = createClient({ url: inject("redisUrl") });
    // A failed command rejects on its own.
    redis.on("error", () => {});
    await redis.connect();
  });
  afterEach(async () => {
    await Promise.all(started.splice(0).map((original) => original.die()));
  });
  afterAll(() => {
    redis?.destroy();
  });
  return {
    start(options) {
      const command: Command = async (...parts) => redis?.sendCommand(parts.map(String));
      const original = new OriginalLocker(command, options);
      started.push(original);
      return original;
    },
  };
}
