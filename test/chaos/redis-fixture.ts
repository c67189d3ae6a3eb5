import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import type { RestSession } from "../../dev/rest/session.ts";
import { startStack, type Stack } from "../../dev/stack.ts";
import {
  LockService,
  RedisDatabase,
  type LockEvent,
  type LockServiceOptions,
  type RedisDatabaseOptions,
} from "../../src/index.ts";
import { restRedis } from "../support/rest-redis.ts";
import { env } from "../dev/own-redis.ts";
import { openDirectConnection, type DirectConnection } from "./local-wire.ts";

/** A failed test may still hold a lock, and keep its waitUntil promise pending, for a quarter of an hour. */
const LATE_MS = 15_000;

/** A Redis of our own to break, and a client of it. */
export interface RedisFixture {
  readonly session: RestSession;
  readonly locks: (
    options?: Partial<LockServiceOptions>,
    database?: RedisDatabaseOptions,
  ) => LockService;
  /** What `waitUntil` was given. */
  readonly pledges: readonly Promise<unknown>[];
  readonly events: readonly LockEvent[];
  /** Bypasses the front, on a persistent connection. */
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
  /** Drops the front's connections, so that it has to reconnect. */
  readonly cut: () => Promise<void>;
  /** To stop Redis, or to restart it empty. */
  readonly redis: Stack["redis"];
  /** Whether a key is locked, bypassing the front. */
  readonly isStored: (key: string) => Promise<boolean>;
}

/** Starts a Redis for a test file. Each test undoes what it did to it. */
export function useRedisFixture(): () => RedisFixture {
  let stack: Stack | undefined;
  let direct: DirectConnection | undefined;
  const opened: RedisFixture[] = [];
  beforeAll(async () => {
    stack = await startStack({ env });
    direct = await openDirectConnection(stack.redis.url);
  });
  afterEach(async () => {
    for (const { pledges, command, session } of opened.splice(0)) {
      const late = setTimeout(LATE_MS, false, { ref: false });
      const isSettled = await Promise.race([Promise.all(pledges).then(() => true), late]);
      expect(isSettled, "every promise given to waitUntil has settled").toBe(true);
      session.close();
      const names = (await command("KEYS", "*")) as string[];
      const left = names.filter((name) => !/^(?:fence|(?:gone|done):.*)$/.test(name));
      expect(left, "keys left behind").toEqual([]);
    }
  });
  afterAll(async () => {
    direct?.close();
    await stack?.stop();
  });
  return () => {
    if (stack === undefined || direct === undefined) throw new Error("used before beforeAll");
    const fixture = openFixture(stack, direct);
    opened.push(fixture);
    return fixture;
  };
}

function openFixture({ front, redis }: Stack, { command }: DirectConnection): RedisFixture {
  const session = front.openSession();
  const { url, token } = session;
  const client = restRedis({ url, token });
  const pledges: Promise<unknown>[] = [];
  const events: LockEvent[] = [];
  return {
    session,
    redis,
    command,
    pledges,
    events,
    locks(options = {}, databaseOptions = {}) {
      const waitUntil = (promise: Promise<unknown>): void => void pledges.push(promise);
      const database = new RedisDatabase(client, { prefix: "", ...databaseOptions });
      const service = new LockService({ database, waitUntil, ...options });
      service.events.subscribe((event) => void events.push(event));
      return service;
    },
    async cut() {
      await command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    },
    isStored: async (key) => (await command("EXISTS", `lock:${key}`)) === 1,
  };
}
