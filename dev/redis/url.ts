import { createClient } from "@redis/client";
import type { RedisServer } from "./server.ts";

/** The user's own server: we never start, stop or flush it. */
export async function ownRedis(url: string): Promise<RedisServer> {
  const { hostname, port } = parse(url);
  const where = `${hostname}:${port}`;
  const client = createClient({
    url,
    socket: { reconnectStrategy: false, connectTimeout: 10_000 },
    disableClientInfo: true,
  });
  // connect() rejects with the same error; without a listener it would also be thrown.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.ping();
  } catch (cause) {
    throw new Error(
      `REDIS_URL is set, but the Redis at ${where} does not answer: ${String(cause)}. Start it, or unset REDIS_URL to have one started.`,
      { cause },
    );
  } finally {
    client.destroy();
  }
  return {
    url,
    port,
    source: `REDIS_URL (${where})`,
    pid: undefined,
    stop: () => Promise.resolve(),
    restart: () => Promise.reject(new Error("the Redis at REDIS_URL is not ours to restart")),
  };
}

function parse(url: string): { hostname: string; port: number } {
  if (!URL.canParse(url)) {
    throw new Error("REDIS_URL is not a URL. Example: redis://127.0.0.1:6379");
  }
  const { hostname, port } = new URL(url);
  return { hostname, port: port === "" ? 6379 : Number(port) };
}
