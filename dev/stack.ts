import { startRedis } from "./redis/redis.ts";
import type { StartRedisOptions } from "./redis/redis.ts";
import type { RedisServer } from "./redis/server.ts";
import { startRestFront } from "./rest/front.ts";
import type { RestFront } from "./rest/front.ts";
import type { RestSession } from "./rest/session.ts";

/** Everything a Worker or a test needs to talk to: Redis, the REST front and one session on it. */
export interface Stack {
  readonly redis: RedisServer;
  readonly front: RestFront;
  readonly session: RestSession;
  readonly stop: () => Promise<void>;
}

export interface StartStackOptions extends StartRedisOptions {
  /** Port of the REST front. @default a free port */
  readonly port?: number;
  /** Token of the default session. @default a random one */
  readonly token?: string;
}

/** Starts Redis and the REST front; installs no signal handlers, see stopOnSignals. */
export async function startStack(options: StartStackOptions = {}): Promise<Stack> {
  const { port = 0, token, ...redisOptions } = options;
  const redis = await startRedis(redisOptions);
  try {
    const front = await startRestFront({ redisUrl: redis.url, port });
    const session = front.openSession(token);
    return {
      redis,
      front,
      session,
      async stop() {
        try {
          await front.stop();
        } finally {
          await redis.stop();
        }
      },
    };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Cleans up once on the first signal, then exits with its usual code; a second signal exits immediately. */
export function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  for (const [signal, code] of Object.entries(EXIT_CODES)) {
    process.on(signal, () => {
      if (stopping) {
        process.exit(code);
      }
      stopping = true;
      stop().then(
        () => process.exit(code),
        (error: unknown) => {
          console.error(error);
          process.exit(code);
        },
      );
    });
  }
}
