import { Redis } from "@upstash/redis";
import type { RedisClient } from "../../src/index.ts";
import type { Rest } from "./rest.ts";

/** The real client with its defaults: it sends up to 6 times by itself, and parses JSON. */
export function resendingClient({ session: { url, token } }: Rest): Redis {
  return new Redis({ url, token, enableTelemetry: false });
}

/** A client that can go silent: while `isStuck`, its calls send nothing and never settle. */
export class StuckClient implements RedisClient {
  isStuck = true;
  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  eval(script: string, keys: string[], args: string[]): Promise<unknown> {
    return this.isStuck ? new Promise(() => {}) : this.#client.eval(script, keys, args);
  }
}

/** A client that logs the script of every command before it sends it. */
export class LoggingClient implements RedisClient {
  readonly log: string[];
  readonly #client: RedisClient;

  constructor(client: RedisClient, log: string[]) {
    this.#client = client;
    this.log = log;
  }

  eval(script: string, keys: string[], args: string[]): Promise<unknown> {
    this.log.push(/-- leasehold:(\S+)/.exec(script)?.[1] ?? "?");
    return this.#client.eval(script, keys, args);
  }
}
