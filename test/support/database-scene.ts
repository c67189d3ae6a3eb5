import { afterEach } from "vitest";
import {
  systemRuntime,
  type AcquireOutcome,
  type Claim,
  type Database,
  type ReleaseOutcome,
  type RenewOutcome,
  type Suspect,
} from "../../src/index.ts";
import { formatOwnerHash } from "../../src/database/lock-record.ts";
import { useRest, type Rest } from "./rest.ts";

/** Asked for where a test names no time: far beyond any test's own length, in ms. */
export const TTL_MS = 30_000;

/** Redis and the database under test, without the LockService. */
export interface DatabaseSceneOptions {
  readonly database: Database;
  readonly prefix: string;
  /** Runs a command beside the database, to look or to interfere. */
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
}

export interface OwnerOptions {
  readonly trace?: string;
  readonly processHash?: string;
  /** What the record says; null leaves it out, as distributed-locker does. */
  readonly livenessMs?: number | null;
}

/** A database, the keys it uses, and what Redis has at them. */
export class DatabaseScene {
  readonly database: Database;
  readonly prefix: string;
  readonly command: DatabaseSceneOptions["command"];

  constructor({ database, prefix, command }: DatabaseSceneOptions) {
    this.database = database;
    this.prefix = prefix;
    this.command = command;
  }

  /** One acquisition to be, with a process hash of its own. */
  owner(keys: string | readonly [string, ...string[]] = "key", options: OwnerOptions = {}): Owner {
    return new Owner(this, typeof keys === "string" ? [keys] : keys, options);
  }

  lockKey(key = "key"): string {
    return `${this.prefix}lock:${key}`;
  }

  fenceKey(): string {
    return `${this.prefix}fence`;
  }

  /** The text stored at a key of Redis; null when there is none. */
  async text(redisKey: string): Promise<string | null> {
    return (await this.command("GET", redisKey)) as string | null;
  }

  async record(key = "key"): Promise<Record<string, unknown> | null> {
    const text = await this.text(this.lockKey(key));
    return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
  }

  /** Ms left of a key of Redis; -1 without expiry, -2 without key. */
  async pttl(redisKey: string): Promise<number> {
    return Number(await this.command("PTTL", redisKey));
  }

  async exists(redisKey: string): Promise<boolean> {
    return Number(await this.command("EXISTS", redisKey)) === 1;
  }

  /** Removes what tests at this level leave on purpose. */
  async clear(): Promise<void> {
    const pattern = `${this.prefix.replaceAll(/[[\]?*\\]/g, "\\$&")}*`;
    const keys = (await this.command("KEYS", pattern)) as string[];
    if (keys.length > 0) await this.command("DEL", ...keys);
  }
}

/** One acquisition: what it asks, as the lock service would, and the names of its keys. */
export class Owner {
  readonly claims: readonly [Claim, ...Claim[]];
  readonly processHash: string;
  /** Set by a successful acquire. */
  fence: number | undefined;
  readonly #scene: DatabaseScene;

  constructor(scene: DatabaseScene, keys: readonly [string, ...string[]], options: OwnerOptions) {
    const {
      trace,
      processHash = `test/${systemRuntime.randomId()}`,
      livenessMs = TTL_MS,
    } = options;
    const [first, ...rest] = keys;
    const claim = (key: string): Claim => {
      const ownerHash = formatOwnerHash(key, processHash, trace);
      const lockData = scene.database.createLockData({ ownerHash, processHash, trace });
      return { key, lockData: livenessMs === null ? lockData : { ...lockData, livenessMs } };
    };
    this.#scene = scene;
    this.processHash = processHash;
    this.claims = [claim(first), ...rest.map(claim)];
  }

  get ownerHash(): string {
    return this.claims[0].lockData.ownerHash;
  }

  get lockKey(): string {
    return this.#scene.lockKey(this.claims[0].key);
  }

  get procKey(): string {
    return `${this.#scene.prefix}proc:${this.processHash}`;
  }

  get goneKey(): string {
    return `${this.#scene.prefix}gone:${this.ownerHash}`;
  }

  /** This owner as somebody who may be dead. */
  get suspects(): Suspect[] {
    return this.claims.map(({ key, lockData: { ownerHash, processHash } }) => ({
      key,
      ownerHash,
      processHash,
    }));
  }

  async acquire(
    options: { ttlMs?: number; livenessMs?: number; suspects?: readonly Suspect[] } = {},
  ): Promise<AcquireOutcome> {
    const { ttlMs = TTL_MS, livenessMs = ttlMs, suspects = [] } = options;
    const { database } = this.#scene;
    const outcome = await database.acquire({ claims: this.claims, ttlMs, livenessMs, suspects });
    if (outcome.status === "granted") this.fence = outcome.fence;
    return outcome;
  }

  /** Renews every claim, under `fence` if another than its own is named. */
  renew(
    options: { ttlMs?: number; livenessMs?: number; fence?: number } = {},
  ): Promise<readonly RenewOutcome[]> {
    const { ttlMs = TTL_MS, livenessMs = ttlMs, fence = this.fence } = options;
    return this.#scene.database.renew(
      this.claims.map(({ key, lockData }) => ({
        key,
        lockData: fence === undefined ? lockData : { ...lockData, fence },
        ttlMs,
        livenessMs,
      })),
    );
  }

  release(fence: number | undefined = this.fence): Promise<ReleaseOutcome> {
    return this.#scene.database.release({ claims: this.claims, fence });
  }
}

/** Gives each test of a file a database on a session of its own, and removes its keys after it. */
export function useDatabase(): { open(rest?: Rest): DatabaseScene & { readonly rest: Rest } } {
  const rests = useRest();
  const opened: DatabaseScene[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((scene) => scene.clear()));
  });
  return {
    open(rest = rests.open()) {
      const scene = new DatabaseScene({
        database: rest.database(),
        prefix: rest.prefix,
        command: (...command) => rest.command(...command),
      });
      opened.push(scene);
      return Object.assign(scene, { rest });
    },
  };
}
