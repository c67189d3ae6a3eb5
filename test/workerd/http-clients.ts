import { afterEach, expect } from "vitest";
import { LockService, RedisDatabase } from "../../src/index.ts";
import type { HttpClient, OpenClient } from "../http/client.ts";
import { restRedis } from "../support/rest-redis.ts";
import { frontControl } from "./worker-under-test.ts";

/** Clients of the front of these tests; after each test, what was given to waitUntil has settled. */
export function workerdClients(): OpenClient {
  const opened: { readonly token: string; readonly client: HttpClient }[] = [];
  afterEach(async () => {
    for (const { token, client } of opened.splice(0)) {
      await frontControl().clearFaults(token);
      await Promise.all(client.pledges);
      expect(await frontControl().command("KEYS", `${client.prefix}lock:*`)).toEqual([]);
      await frontControl().closeSession(token);
    }
  });
  return async () => {
    const { url, token } = await frontControl().openSession();
    const client = clientOf(url, token);
    opened.push({ token, client });
    return client;
  };
}

function clientOf(url: string, token: string): HttpClient {
  const control = frontControl();
  const prefix = crypto.randomUUID();
  const pledges: Promise<unknown>[] = [];
  const database = new RedisDatabase(restRedis({ url, token }), { prefix });
  return {
    prefix,
    pledges,
    locks: (options = {}) =>
      new LockService({ database, waitUntil: (promise) => void pledges.push(promise), ...options }),
    counters: () => control.counters(token),
    addFault: (fault) => control.addFault(token, fault),
    setLatency: (ms) => control.latency(token, ms),
    command: (...command) => control.command(...command),
  };
}
