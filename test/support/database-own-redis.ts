import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll } from "vitest";
import { startRestFront, type RestFront } from "../../dev/rest/front.ts";
import { startStack, type Stack } from "../../dev/stack.ts";
import { RedisDatabase } from "../../src/index.ts";
import { restRedis } from "./rest-redis.ts";
import { loadScripts } from "./scripts.ts";
import { env } from "../dev/own-redis.ts";
import { DatabaseScene } from "./database-scene.ts";

/** A database on a dedicated Redis, so that a test may reconfigure the server. */
export interface OwnRedis {
  open(): DatabaseScene;
  /** Another front for the same Redis, with its own connection. */
  front(credentials?: string): Promise<RestFront>;
}

/** Starts a Redis for a test file. Each test must undo what it does to the server. */
export function useOwnRedis(args: readonly string[] = []): OwnRedis {
  let stack: Stack | undefined;
  const fronts: RestFront[] = [];
  const running = (): Stack => {
    if (stack === undefined) throw new Error("used before beforeAll");
    return stack;
  };
  beforeAll(async () => {
    stack = await startStack({ args, env });
  });
  afterEach(async () => {
    await Promise.all(fronts.splice(0).map((front) => front.stop()));
  });
  afterAll(async () => {
    await stack?.stop();
  });
  return {
    open() {
      const prefix = `{${randomUUID()}}`;
      const redis = clientOf(running().front);
      const admin = clientOf(running().front);
      return new DatabaseScene({
        prefix,
        database: new RedisDatabase(redis, { prefix }),
        command: (name, ...rest) => admin.exec([String(name), ...rest]),
      });
    },
    async front(credentials = "") {
      const redisUrl = running().redis.url.replace("//", `//${credentials}`);
      await loadScripts(redisUrl);
      const front = await startRestFront({ redisUrl });
      fronts.push(front);
      return front;
    },
  };
}

/** A client with its own session. */
export function clientOf(front: RestFront): ReturnType<typeof restRedis> {
  const { url, token } = front.openSession();
  return restRedis({ url, token });
}
