import { afterEach } from "vitest";
import { escapeGlob } from "../../src/database/listing.ts";
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

/** The default TTL, in ms: far longer than any test takes. */
export const TTL_MS = 30_000;

/** Redis and the database under test, without the LockService. */
export interface DatabaseSceneOptions {
  readonly database: Database;
  readonly prefix: string;
  /** Runs a command that bypasses the database, to look or to interfere. */
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
}

export interface OwnerOptions {
  readonly trace?: string;
  readonly processHash?: string;
  /** The value in the record; null leaves it out, as distributed-locker does. */
  readonly livenessMs?: number | null;
}

/** A database, the keys it uses, and what Redis stores at them. */
export class DatabaseScene {
  readonly database: Database;
  readonly prefix: string;
  readonly command: DatabaseSceneOptions["command"];

  constructor({ database, prefix, command }: DatabaseSceneOptions) {
    this.database = database;
    this.prefix = prefix;
    this.command = command;
  }

  /** A prospective acquisition, with its own process hash. */
  owner(keys: string | readonly [string, ...string[]] = "key", options: OwnerOptions = {}): Owner {
    return new Owner(this, typeof keys === "string" ? [keys] : keys, options);
  }

  lockKey(key = "key"): string {
    return `${this.prefix}lock:${key}`;
  }

  fenceKey(): string {
    return `${this.prefix}fence`;
  }

  /** The text stored at a Redis key; null if there is none. */
  async text(redisKey: string): Promise<string | null> {
    return (await this.command("GET", redisKey)) as string | null;
  }

  async record(key = "key"): Promise<Record<string, unknown> | null> {
    const text = await this.text(this.lockKey(key));
    return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
  }

  /** Remaining TTL of a Redis key in ms; -1 without expiry, -2 without key. */
  async pttl(redisKey: string): Promise<number> {
    return Number(await this.command("PTTL", redisKey));
  }

  async exists(redisKey: string): Promise<boolean> {
    return Number(await this.command("EXISTS", redisKey)) === 1;
  }

  /** Removes what tests at this level deliberately leave behind. */
  async clear(): Promise<void> {
    const pattern = `${escapeGlob(this.prefix)}*`;
    const keys = (await this.command("KEYS", pattern)) as string[];
    if (keys.length > 0) await this.command("DEL", ...keys);
  }
}

/** One acquisition: its requests, as the lock service would make them, and the names of its keys. */
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

  /** This owner as a suspect, which may be dead. */
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

  /** Renews every claim, under its own fence unless `fence` names another. */
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

/** Gives each test of a file a database on its own session, and removes its keys afterwards. */
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
