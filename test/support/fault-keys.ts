import type { LockData } from "../../src/index.ts";
import type { Rest } from "./rest.ts";

/** Process hash of a holder that is none of our clients. */
export const THIEF = "thief/1.1";

/** What Redis stores for one lock, to look at and to interfere with, bypassing counters and faults. */
export class StoredLock {
  readonly #rest: Rest;
  readonly #key: string;

  /** @param key with the service's keyPrefix, if there is one */
  constructor(rest: Rest, key: string) {
    this.#rest = rest;
    this.#key = key;
  }

  get name(): string {
    return `${this.#rest.prefix}lock:${this.#key}`;
  }

  async record(): Promise<LockData | null> {
    const raw = await this.#rest.command("GET", this.name);
    return typeof raw === "string" ? (JSON.parse(raw) as LockData) : null;
  }

  async pttl(): Promise<number> {
    return Number(await this.#rest.command("PTTL", this.name));
  }

  async procPttl(): Promise<number> {
    return Number(await this.#rest.command("PTTL", await this.#procName()));
  }

  async expireIn(ms: number): Promise<void> {
    await this.#rest.command("PEXPIRE", this.name, ms);
  }

  /** The lock is gone, as after eviction or a failover. */
  async vanish(): Promise<void> {
    await this.#rest.command("DEL", this.name);
  }

  /** The holder's process record is gone, as if its liveness had expired. */
  async killHolder(): Promise<void> {
    await this.#rest.command("DEL", await this.#procName());
  }

  /** Another holds the lock from now on. */
  async steal(ttlMs = 60_000): Promise<void> {
    const now = new Date().toISOString();
    const record: LockData = {
      ownerHash: `${this.#key}@${THIEF}.0`,
      processHash: THIEF,
      acquiredAt: now,
      extendedAt: now,
      fence: 1,
      livenessMs: ttlMs,
    };
    await this.#rest.command("SET", this.name, JSON.stringify(record), "PX", ttlMs);
  }

  /** The same owner, under another fence, as after a restart that lost data. */
  async refence(fence: number): Promise<void> {
    const record = JSON.stringify({ ...(await this.record()), fence });
    await this.#rest.command("SET", this.name, record, "KEEPTTL");
  }

  async #procName(): Promise<string> {
    const record = await this.record();
    return `${this.#rest.prefix}proc:${record?.processHash}`;
  }
}

/** The counter that all fences are drawn from. */
export async function fenceCounter(rest: Rest): Promise<number> {
  return Number(await rest.command("GET", `${rest.prefix}fence`));
}
