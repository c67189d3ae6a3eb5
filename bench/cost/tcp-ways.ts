import { Redis } from "ioredis";
import { Mutex } from "redis-semaphore";
import Redlock from "redlock";
import type { Relay } from "./relay.ts";
import { PATIENCE_MS, TTL_MS, type Way } from "./ways.ts";

/** Rivals that keep a TCP connection, which most places at the edge cannot; each in its defaults, but for its patience. */
export interface TcpWays {
  readonly ways: readonly Way[];
  close(): void;
}

const REDLOCK_PAUSE_MS = 200;

export function tcpWays({ port }: Relay): TcpWays {
  const redis = new Redis({ port, host: "127.0.0.1" });
  const retryCount = PATIENCE_MS / REDLOCK_PAUSE_MS;
  const redlock = new Redlock([redis], { retryCount, retryDelay: REDLOCK_PAUSE_MS });
  const ways: readonly Way[] = [
    {
      name: "redlock",
      async withLock(key, work) {
        const lock = await redlock.lock(`redlock:${key}`, TTL_MS);
        await work();
        await lock.unlock();
      },
    },
    {
      name: "redis-semaphore",
      async withLock(key, work) {
        const mutex = new Mutex(redis, key, { lockTimeout: TTL_MS, acquireTimeout: PATIENCE_MS });
        await mutex.acquire();
        await work();
        await mutex.release();
      },
    },
  ];
  return { ways, close: () => redis.disconnect() };
}
