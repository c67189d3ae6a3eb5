import { systemRuntime } from "../../src/index.ts";
import { intrusionsName, readyName, resourceName, type ContenderTask } from "./contender.ts";
import { ContenderPool } from "./contender-pool.ts";
import { logFlaws, parseEntry, resourceLog, type ResourceEntry } from "./resource.ts";

export interface KillOptions extends Pick<ContenderTask, "url" | "token" | "keys" | "ttl"> {
  readonly processes: number;
  readonly kills: number;
  /** Every so many rounds a process is not killed, but paused beyond its TTL and continued. */
  readonly stopEvery: number;
  /** Bypasses the front. */
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
  /** @default one of its own */
  readonly prefix?: string;
  /** See {@link ContenderTask}; those who change it hold locks too, so leftover locks are not checked. */
  readonly watched?: string;
  readonly onProgress?: (report: KillReport) => void;
  readonly signal?: AbortSignal;
}

export interface KillReport {
  kills: number;
  stops: number;
  takeovers: number;
  /** Takeovers within the TTL and one retry. */
  inTime: number;
  /** From the kill to the next holder. */
  worstTakeoverMs: number;
  /** Accepted writes. */
  updates: number;
  /** Rejected writes and reads of stale holders. */
  staleRefused: number;
  readonly violations: string[];
}

const RETRY_MS = 150;
/** Waiters that sleep until a lock expires are spread this wide, and a retry takes time. */
const SPREAD_MS = 100;
/** For a busy machine, which may delay single takeovers further, but not most of them. */
const SLACK_MS = 1_500;
const POLL_MS = 8;
const MAX_PAUSE_MS = 300;
/** Without a holder for this long, something is stuck. */
const STUCK_MS = 30_000;

/** Kills processes in the middle of their critical sections, and checks that the others carry on. */
export class KillTest {
  readonly report: KillReport = {
    kills: 0,
    stops: 0,
    takeovers: 0,
    inTime: 0,
    worstTakeoverMs: 0,
    updates: 0,
    staleRefused: 0,
    violations: [],
  };
  readonly #options: KillOptions;
  readonly #prefix: string;
  readonly #pool: ContenderPool;
  /** Kills done or in progress. */
  #claimed = 0;
  #rounds = 0;
  /** Takeovers that not even a busy machine explains, if they are many. */
  #late = 0;

  constructor(options: KillOptions) {
    const {
      url,
      token,
      keys,
      ttl,
      watched,
      command,
      prefix = `{${crypto.randomUUID()}}`,
    } = options;
    this.#options = options;
    this.#prefix = prefix;
    const task = { url, token, keys, ttl, prefix, retryMs: RETRY_MS };
    this.#pool = new ContenderPool(
      watched === undefined ? task : { ...task, watched },
      async (name) => Number(await command("EXISTS", readyName(prefix, name))) === 1,
    );
  }

  async run(): Promise<KillReport> {
    const { processes, keys } = this.#options;
    try {
      await Promise.all(Array.from({ length: processes }, () => this.#pool.add()));
      // Waits for all of them: one may have paused a process that it has yet to continue.
      const ends = await Promise.allSettled(keys.map((key) => this.#killHolders(key)));
      for (const end of ends) {
        if (end.status === "rejected") this.report.violations.push(String(end.reason));
      }
    } finally {
      await this.#pool.stop();
    }
    await this.#conclude();
    return this.report;
  }

  /** Kills or pauses holders of one key until there were enough kills. */
  async #killHolders(key: string): Promise<void> {
    const { kills, stopEvery, onProgress = () => {} } = this.#options;
    while (this.#claimed < kills && !this.#isOver()) {
      // Some survive and finish their work.
      await systemRuntime.sleep(Math.random() * MAX_PAUSE_MS);
      this.#rounds += 1;
      if (this.#rounds % stopEvery === 0) {
        await this.#stopOne(key);
      } else {
        this.#claimed += 1;
        // False: another loop has killed it by now.
        if (!(await this.#killOne(key))) this.#claimed -= 1;
      }
      onProgress(this.report);
    }
  }

  #isOver(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  async #killOne(key: string): Promise<boolean> {
    const name = await this.#nameInside(key);
    const killedAt = Date.now();
    if (name === undefined || !(await this.#pool.kill(name))) return false;
    this.report.kills += 1;
    await this.#takeover(key, name, killedAt);
    // Only now: a starting process takes CPU time from those that are waiting. And until it contends,
    // this loop kills nobody else: it might kill the only one that could take over the other key.
    await this.#pool.add();
    return true;
  }

  async #stopOne(key: string): Promise<void> {
    const name = await this.#nameInside(key);
    if (name === undefined) return;
    const stoppedAt = Date.now();
    const isDone = await this.#pool.pause(name, async () => {
      await this.#takeover(key, name, stoppedAt);
      // Until the successor has worked under the lock, so that every write of this one is stale.
      await systemRuntime.sleep(50);
    });
    if (isDone) this.report.stops += 1;
  }

  /** Who is in the critical section of a key: has read, but not yet written. */
  async #nameInside(key: string): Promise<string | undefined> {
    const limit = Date.now() + STUCK_MS;
    while (!this.#isOver()) {
      const last = (await this.#log(key, -1)).at(-1);
      const name = last?.who.split("/")[0];
      if (last?.what === "enter" && name !== undefined && this.#pool.has(name)) return name;
      if (Date.now() > limit) throw new Error(`nobody acquires ${key} any more`);
      await systemRuntime.sleep(POLL_MS);
    }
    return undefined;
  }

  /** If the victim left its lock behind, for no more than its TTL, waits for the next holder. */
  async #takeover(key: string, name: string, since: number): Promise<void> {
    const { ttl, command } = this.#options;
    const inTimeMs = ttl + RETRY_MS + SPREAD_MS;
    // In this order: that of a successor does not count.
    const leftMs = Number(await command("PTTL", this.#lockName(key)));
    const left = await this.#record(key);
    if (left?.trace !== name) return;
    if (leftMs > ttl) this.report.violations.push(`${name} left ${key} behind for ${leftMs} ms`);
    for (;;) {
      const record = await this.#record(key);
      const waitedMs = Date.now() - since;
      if (record !== null && record.ownerHash !== left.ownerHash) {
        this.report.takeovers += 1;
        if (waitedMs <= inTimeMs) this.report.inTime += 1;
        if (waitedMs > inTimeMs + SLACK_MS) this.#late += 1;
        this.report.worstTakeoverMs = Math.max(this.report.worstTakeoverMs, waitedMs);
        return;
      }
      if (waitedMs > STUCK_MS) {
        this.report.violations.push(`${key} was not taken over from ${name} in ${waitedMs} ms`);
        return;
      }
      await systemRuntime.sleep(POLL_MS);
    }
  }

  #lockName(key: string): string {
    return `${this.#prefix}lock:${key}`;
  }

  async #record(key: string): Promise<{ ownerHash: string; trace?: string } | null> {
    const raw = await this.#options.command("GET", this.#lockName(key));
    return typeof raw === "string" ? (JSON.parse(raw) as { ownerHash: string }) : null;
  }

  async #log(key: string, from: number): Promise<ResourceEntry[]> {
    const name = resourceLog(resourceName(this.#prefix, key));
    const lines = (await this.#options.command("LRANGE", name, from, -1)) as string[];
    return lines.map(parseEntry);
  }

  /** Checks the logs, and what is left in Redis once every TTL has passed. */
  async #conclude(): Promise<void> {
    const { keys, ttl, command } = this.#options;
    const { violations, takeovers } = this.report;
    if (this.#late * 2 > takeovers) violations.push(`${this.#late} of ${takeovers} were late`);
    await systemRuntime.sleep(ttl + 100);
    for (const key of keys) {
      const entries = await this.#log(key, 0);
      violations.push(...logFlaws(entries).map((flaw) => `${key}: ${flaw}`));
      const stale = entries.filter(({ what }) => what.startsWith("stale"));
      this.report.staleRefused += stale.length;
      this.report.updates += entries.filter(({ what }) => what === "write").length;
      for (const { who, at, what } of stale) {
        const ageMs = at - Number(who.split("/")[2]);
        if (ageMs < ttl * 0.9) violations.push(`${key}: ${what} by ${who} after ${ageMs} ms`);
      }
    }
    const intrusions = await command("LRANGE", intrusionsName(this.#prefix), 0, -1);
    violations.push(...(intrusions as string[]));
    if (this.#options.watched === undefined) await this.#findOrphans();
  }

  async #findOrphans(): Promise<void> {
    const { command } = this.#options;
    const { violations } = this.report;
    const names = (await command("KEYS", `${this.#prefix}*`)) as string[];
    const orphans = names.filter((name) => /^(?:lock|proc):/.test(name.slice(this.#prefix.length)));
    for (const orphan of orphans) {
      // Expired by now, if it was about to.
      if (Number(await command("PTTL", orphan)) !== -2) violations.push(`${orphan} is left behind`);
    }
    if (names.length > 0) await command("DEL", ...names);
  }
}
