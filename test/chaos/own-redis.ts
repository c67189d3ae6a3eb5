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
import { redisFromEnv } from "../../src/upstash/index.ts";
import { env } from "../dev/own-redis.ts";
import { openSideDoor, type SideDoor } from "./local-wire.ts";

/** A test that failed may hold a lock still, and its pledge with it, for a quarter of an hour. */
const LATE_MS = 15_000;

/** A Redis of our own, to be ill-treated, and a client of it. */
export interface Patient {
  readonly session: RestSession;
  readonly locks: (
    options?: Partial<LockServiceOptions>,
    database?: RedisDatabaseOptions,
  ) => LockService;
  /** What `waitUntil` was given. */
  readonly pledges: readonly Promise<unknown>[];
  readonly events: readonly LockEvent[];
  /** Past the front, on a connection that stays. */
  readonly command: (...command: (string | number)[]) => Promise<unknown>;
  /** Cuts the front's connections, so that it has to connect anew. */
  readonly cut: () => Promise<void>;
  /** Redis goes, or comes back empty. */
  readonly redis: Stack["redis"];
  /** Whether a key is locked, past the front. */
  readonly isStored: (key: string) => Promise<boolean>;
}

/** Starts a Redis for a test file. A test undoes what it has done to it. */
export function usePatient(): () => Patient {
  let stack: Stack | undefined;
  let door: SideDoor | undefined;
  const opened: Patient[] = [];
  beforeAll(async () => {
    stack = await startStack({ env });
    door = await openSideDoor(stack.redis.url);
  });
  afterEach(async () => {
    for (const { pledges, command, session } of opened.splice(0)) {
      const late = setTimeout(LATE_MS, false, { ref: false });
      const isSettled = await Promise.race([Promise.all(pledges).then(() => true), late]);
      expect(isSettled, "every pledge to waitUntil has settled").toBe(true);
      session.close();
      const names = (await command("KEYS", "*")) as string[];
      const left = names.filter((name) => !/^(?:fence|gone:.*)$/.test(name));
      expect(left, "keys that are left").toEqual([]);
    }
  });
  afterAll(async () => {
    door?.close();
    await stack?.stop();
  });
  return () => {
    if (stack === undefined || door === undefined) throw new Error("used before beforeAll");
    const patient = openPatient(stack, door);
    opened.push(patient);
    return patient;
  };
}

function openPatient({ front, redis }: Stack, { command }: SideDoor): Patient {
  const session = front.openSession();
  const { url, token } = session;
  const client = redisFromEnv({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token });
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
      const database = new RedisDatabase(client, databaseOptions);
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
