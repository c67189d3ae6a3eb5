import { LockService, RedisDatabase, isLockError, systemRuntime } from "../../src/index.ts";
import type { Lock, LockServiceOptions, RedisClient, Runtime } from "../../src/index.ts";
import { countingRuntime } from "../support/counting-runtime.ts";
import { TIMEOUT_MS } from "./faults.ts";
import { Referee, believes } from "./referee.ts";
import { openResource, parseEntry, logFlaws, resourceLog } from "./resource.ts";
import type { Resource } from "./resource.ts";
import type { Wire } from "./wire.ts";

/** TTL of the locks under test: longer than any case takes, unless it is about expiry. */
export const TTL_MS = 5_000;
/** TTL of the competitor's lock, and of extended locks. */
export const LONGEST_TTL_MS = 2 * TTL_MS;
export const GRACE_MS = 30_000;
/** What a call may take beyond its budget, on a busy machine. */
const SLACK_MS = 2_000;

/** The result of a call, and when it ran. */
export type Outcome<T> = ({ readonly value: T } | { readonly error: unknown }) & {
  readonly from: number;
  readonly to: number;
};

export interface SceneOptions {
  readonly wire: Wire;
  readonly redis: RedisClient;
  readonly prefix: string;
  /** Whether the service is bound to a request, with a waitUntil. */
  readonly isBound: boolean;
  readonly clock: () => { readonly lostMs: number };
}

/** One client on a faulty network, its lock, and the judge of every result it gets. */
export class Scene {
  readonly key = "key";
  readonly wire: Wire;
  readonly prefix: string;
  readonly referee: Referee = new Referee();
  readonly resource: Resource;
  readonly locks: LockService;
  readonly database: RedisDatabase;
  /** Shared by all clients of the scene: counts their sleeps. */
  readonly runtime: Runtime;
  readonly isBound: boolean;
  readonly pledges: Promise<unknown>[] = [];
  /** Locks were deleted or force-released: losing one is not a violation. */
  isInterfered = false;
  readonly pendingSleeps: () => number;
  /** Acquisitions attempted. */
  acquisitions = 0;
  readonly #clock: SceneOptions["clock"];

  constructor({ wire, redis, prefix, isBound, clock }: SceneOptions) {
    this.wire = wire;
    this.prefix = prefix;
    this.isBound = isBound;
    this.#clock = clock;
    const { runtime, pending } = countingRuntime();
    this.runtime = runtime;
    this.pendingSleeps = pending;
    this.database = new RedisDatabase(redis, {
      prefix,
      runtime,
      requestTimeout: TIMEOUT_MS,
      gracePeriod: GRACE_MS,
    });
    const options: LockServiceOptions = {
      database: this.database,
      runtime,
      defaultTtl: TTL_MS,
      retry: { initialDelay: 20, maxDelay: 60 },
    };
    const waitUntil = (promise: Promise<unknown>): void => void this.pledges.push(promise);
    const service = new LockService(options);
    this.locks = isBound ? service.forRequest({ waitUntil }) : service;
    this.resource = openResource(
      (script, keys, args) => wire.command("EVAL", script, keys.length, ...keys, ...args),
      `${prefix}resource`,
    );
  }

  /** Times a call, and reports it if it exceeds its budget. */
  async call<T>(what: string, budgetMs: number, work: () => Promise<T>): Promise<Outcome<T>> {
    const from = performance.now();
    const lost = this.#clock().lostMs;
    const result = await work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const to = performance.now();
    const limit = budgetMs + SLACK_MS + 2 * (this.#clock().lostMs - lost);
    if (to - from > limit) {
      this.referee.report(`${what} took ${Math.round(to - from)} ms, its budget is ${budgetMs}`);
    }
    return { ...result, from, to };
  }

  /** Whether there is a reason for a missing answer. */
  async mayFail({ from, to }: Outcome<unknown>): Promise<boolean> {
    // A timer counts whole milliseconds, and may fire within the last of them.
    if (to - from >= TIMEOUT_MS - 2) return true;
    return Object.keys(await this.wire.hits()).length > 0;
  }

  /** Reports an error that no fault has caused, or that is not a lock error. */
  async expectFailure(what: string, outcome: Outcome<unknown> & { error: unknown }): Promise<void> {
    const { error } = outcome;
    if (!isLockError(error)) this.referee.report(`${what} threw ${String(error)}`);
    else if (!(await this.mayFail(outcome))) {
      this.referee.report(`${what} failed without a fault: ${error.code} ${error.message}`);
    }
  }

  /** What is stored for a key, bypassing the faults. */
  async stored(key: string = this.key): Promise<{ ownerHash?: string; fence?: number } | null> {
    const raw = await this.wire.command("GET", `${this.prefix}lock:${key}`);
    return typeof raw === "string" ? (JSON.parse(raw) as object) : null;
  }

  async isStored(lock: Lock): Promise<boolean> {
    const records = await Promise.all(lock.keys.map((key) => this.stored(key)));
    return records.every((record) => record?.fence === lock.fence);
  }

  /** A client that believes it holds the lock must have it in Redis. */
  async checkBelief(lock: Lock): Promise<void> {
    const isStored = await this.isStored(lock);
    if (!isStored && believes(lock) && !this.isInterfered) {
      this.referee.report(
        `the owner of fence ${lock.fence} believes it holds the lock, but it is not stored`,
      );
    }
  }

  /** Reads, pauses and writes under a lock, as an application would. */
  async work(who: string, lock: Lock, ms: number): Promise<void> {
    const { resource } = this;
    const fence = lock.fence ?? 0;
    const name = `${who}-${fence}`;
    const value = await resource.enter(fence, name);
    await systemRuntime.sleep(ms);
    const isWritten = value !== undefined && (await resource.write(fence, name, value + 1));
    if (!isWritten && believes(lock) && !this.isInterfered) {
      this.referee.report(`${name} believes it holds the lock, but the resource rejected it`);
    }
  }

  /** Violations in the resource's log. */
  async resourceFlaws(): Promise<string[]> {
    const log = resourceLog(`${this.prefix}resource`);
    const lines = (await this.wire.command("LRANGE", log, 0, -1)) as string[];
    await this.wire.command("DEL", log, `${this.prefix}resource`);
    return logFlaws(lines.map(parseEntry));
  }
}
