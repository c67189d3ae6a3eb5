import { isDeepStrictEqual } from "node:util";
import type { createClient } from "@redis/client";
import { RedisDatabase } from "../../src/redis/redis-database.ts";
import type { Runtime } from "../../src/runtime.ts";
import type { MemoryDatabase, MemoryStore } from "../../src/testing/index.ts";
import { Violation } from "./ledger.ts";
import type { Through } from "./lua/mutant.ts";
import type { Backend } from "./network.ts";
import { GRACE_MS } from "./plan.ts";

/** The part of a connection that is used. */
export type RedisConnection = Pick<
  ReturnType<typeof createClient<{}, {}, {}, 3, {}>>,
  "multi" | "del"
>;

/** The contents of a store: text, and remaining ms or null. */
type Contents = ReadonlyMap<string, readonly [text: string, remainingMs: number | null]>;

const MOST_TRIES = 100;

/**
 * Real Redis in simulated time. Each command runs in the memory database and, from the same contents
 * with the same remaining times, in Redis, within one transaction and one of Redis's milliseconds.
 * Both must then have returned and stored the same.
 */
export class RedisTwin {
  readonly #redis: RedisConnection;
  readonly #prefix: string;
  readonly store: MemoryStore;
  readonly #through: Through;
  readonly #used = new Set<string>();
  #before: Contents = new Map();
  #after: Contents = new Map();
  commands = 0;

  constructor(
    redis: RedisConnection,
    prefix: string,
    store: MemoryStore,
    through: Through = (client) => client,
  ) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.store = store;
    this.#through = through;
  }

  /** A client's database: answers with Redis's replies. */
  backend(memory: MemoryDatabase, runtime: Runtime): Backend {
    const { requestTimeout } = memory;
    const client = this.#through({ eval: (script, keys, args) => this.#run(script, keys, args) });
    const options = { prefix: this.#prefix, gracePeriod: GRACE_MS, requestTimeout, runtime };
    const redis = new RedisDatabase(client, options);
    const both = <T>(ask: (database: Backend) => Promise<T>): Promise<T> =>
      this.#both(
        () => ask(memory),
        () => ask(redis),
      );
    return {
      requestTimeout,
      capabilities: memory.capabilities,
      acquire: (request) => both((database) => database.acquire(request)),
      renew: (requests) => both((database) => database.renew(requests)),
      release: (request) => both((database) => database.release(request)),
      admit: (requests) => both((database) => database.admit(requests)),
      complete: (requests) => both((database) => database.complete(requests)),
      recall: (key) => both((database) => database.recall(key)),
      forget: (key, ownerHash) => both((database) => database.forget(key, ownerHash)),
      inspect: (key) => both((database) => database.inspect(key)),
      forceDelete: (key, ownerHash) => both((database) => database.forceDelete(key, ownerHash)),
      readLockData: (key) => both((database) => database.readLockData(key)),
      readProcessData: (hash) => both((database) => database.readProcessData(hash)),
    };
  }

  async clear(): Promise<void> {
    const names = [...this.#used];
    if (names.length > 0) await this.#redis.del(names);
  }

  /** The simulation stops its time meanwhile, so that no other command comes in between. */
  async #both<T>(inMemory: () => Promise<T>, inRedis: () => Promise<T>): Promise<T> {
    this.#before = this.#contents();
    const expected = await settled(inMemory());
    const wanted = this.#contents();
    this.#after = this.#before;
    const got = await settled(inRedis());
    this.commands += 1;
    expectSame("said", expected, got);
    expectSame("stored", [...wanted].toSorted(byName), [...this.#after].toSorted(byName));
    if ("error" in got) throw got.error;
    return got.value;
  }

  async #run(script: string, keys: string[], args: string[]): Promise<unknown> {
    const names = [...this.#before.keys()].map((name) => this.#prefix + name);
    const concerned = [...new Set([...names, ...keys])];
    for (const name of concerned) this.#used.add(name);
    let replies = await this.#exchange(concerned, script, keys, args);
    for (let tries = 1; !isWithinOneMs(replies) && tries < MOST_TRIES; tries += 1) {
      replies = await this.#exchange(concerned, script, keys, args);
    }
    const [reply, ...afterwards] = replies.slice(-2 - 2 * concerned.length, -1);
    this.#after = new Map(
      concerned.flatMap((name, index) => {
        const [text, ms] = afterwards.slice(2 * index);
        const left = ms === -1 ? null : Number(ms);
        return typeof text === "string"
          ? [[name.slice(this.#prefix.length), [text, left] as const] as const]
          : [];
      }),
    );
    return reply;
  }

  /** Writes the contents, runs the script and reads the result; repeatable, because it starts over. */
  async #exchange(
    concerned: readonly string[],
    script: string,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<readonly unknown[]> {
    const transaction = this.#redis.multi();
    transaction.addCommand(["TIME"]);
    transaction.addCommand(["DEL", ...this.#used]);
    for (const [name, [text, ms]] of this.#before) {
      const expiry = ms === null ? [] : ["PX", String(ms)];
      transaction.addCommand(["SET", this.#prefix + name, text, ...expiry]);
    }
    transaction.addCommand(["EVAL", script, String(keys.length), ...keys, ...args]);
    for (const name of concerned) {
      transaction.addCommand(["GET", name]);
      transaction.addCommand(["PTTL", name]);
    }
    transaction.addCommand(["TIME"]);
    return transaction.exec();
  }

  #contents(): Contents {
    return new Map(
      this.store.names().map((name) => {
        return [name, [this.store.get(name) ?? "", this.store.remainingMs(name) ?? null]];
      }),
    );
  }
}

/** Only within one of Redis's milliseconds do all remaining times stay exact. */
function isWithinOneMs(replies: readonly unknown[]): boolean {
  const [began, ended] = [replies.at(0), replies.at(-1)].map((time) =>
    Array.isArray(time)
      ? Math.floor(Number(time[0]) * 1_000 + Number(time[1]) / 1_000)
      : Number.NaN,
  );
  return began === ended;
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

async function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

function expectSame(what: string, expected: unknown, got: unknown): void {
  if (isDeepStrictEqual(expected, got)) return;
  throw new Violation(
    `Redis ${what} ${JSON.stringify(got)}, the memory database ${JSON.stringify(expected)}`,
  );
}
