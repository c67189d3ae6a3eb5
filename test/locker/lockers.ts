import { afterEach, expect } from "vitest";
import {
  Locker,
  type LockerAcquireOutcome,
  type LockerError,
  type LockerOptions,
  type RedisDatabase,
  type RenewRequest,
} from "../../src/index.ts";
import { countingRuntime } from "../support/counting-runtime.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest, type Rest } from "../support/rest.ts";

/** So long, in ms, that nothing happens by itself during a test. */
export const QUIET = { reportWriteMs: 100_000, reportTtlMs: 200_000 } as const;

/** What a Locker resolves with when it got the lock. */
export type Had = Extract<LockerAcquireOutcome, { readonly status: "SUCCESS" }>;

/** Lockers on one Redis, and everything they report. */
export class LockerScene {
  readonly rest: Rest;
  /** What the lockers of this scene reported, in order. */
  readonly errors: LockerError[] = [];
  /** The requests of all answered renewals. */
  readonly renewals: RenewRequest[] = [];
  readonly #lockers: Locker[] = [];
  readonly #clock = countingRuntime();

  constructor(rest: Rest) {
    this.rest = rest;
  }

  /** A Locker with its own options, as in one request. */
  locker(options: Partial<LockerOptions> = {}): Locker {
    const locker = new Locker({
      database: this.database(),
      runtime: this.#clock.runtime,
      waitUntil: (promise) => void this.rest.pledges.push(promise),
      ...options,
    });
    locker.errors.subscribe((error) => this.errors.push(error));
    this.#lockers.push(locker);
    return locker;
  }

  /** A database that records what was renewed. */
  database(): RedisDatabase {
    const database = this.rest.database();
    const renew = database.renew.bind(database);
    database.renew = async (requests) => {
      const outcomes = await renew(requests);
      this.renewals.push(...requests);
      return outcomes;
    };
    return database;
  }

  stored(key = "a"): StoredLock {
    return new StoredLock(this.rest, key);
  }

  /** The Redis key of a holder's liveness. */
  procName(processHash: string): string {
    return `${this.rest.prefix}proc:${processHash}`;
  }

  async exists(redisKey: string): Promise<boolean> {
    return Number(await this.rest.command("EXISTS", redisKey)) === 1;
  }

  async del(...redisKeys: string[]): Promise<void> {
    await this.rest.command("DEL", ...redisKeys);
  }

  /** How many commands were received; only those of `script`, if given. */
  sent(script?: string): number {
    const { commands, byScript } = this.rest.session.counters;
    return script === undefined ? commands : (byScript[script] ?? 0);
  }

  errorTypes(): string[] {
    return this.errors.map(({ type }) => type);
  }

  /** Terminates every Locker; none may leave a timer. */
  async end(): Promise<void> {
    await Promise.all(this.#lockers.splice(0).map((locker) => locker.terminate()));
    await new Promise(setImmediate);
    expect(this.#clock.pending(), "pending sleeps of a Locker").toBe(0);
  }
}

/** Gives each test of a file its own Redis session, and checks that its lockers leave nothing behind. */
export function useLockers(): { readonly open: () => LockerScene } {
  const rests = useRest();
  const opened: LockerScene[] = [];
  afterEach(async () => {
    for (const scene of opened.splice(0)) await scene.end();
  });
  return {
    open() {
      const scene = new LockerScene(rests.open());
      opened.push(scene);
      return scene;
    },
  };
}

/** Acquires a key that must be free. */
export async function take(locker: Locker, key = "a", trace?: string): Promise<Had> {
  const outcome = await locker.acquire(key, trace);
  if (outcome.status !== "SUCCESS") throw new Error(`"${key}" is held`);
  return outcome;
}
