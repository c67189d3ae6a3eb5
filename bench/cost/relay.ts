import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A TCP connection to Redis with the round trip of a network, which counts what passes. */
export interface Relay {
  readonly port: number;
  roundTripMs: number;
  /** Commands sent to Redis: a script is one. */
  commands: number;
  /** Bytes both ways. */
  bytes: number;
  stop(): Promise<void>;
}

export async function startRelay(redisUrl: string): Promise<Relay> {
  const target = new URL(redisUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const redis = connect(Number(target.port), target.hostname);
    pass(client, redis, (chunk) => {
      relay.commands += chunk.toString("latin1").match(/\*\d+\r\n\$/g)?.length ?? 0;
    });
    pass(redis, client);
  });
  const relay: Relay = {
    port: 0,
    roundTripMs: 0,
    commands: 0,
    bytes: 0,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  /** Chunks keep their order: timers of one length fire in turn. */
  function pass(from: Socket, to: Socket, count?: (chunk: Buffer) => void): void {
    sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk: Buffer) => {
      relay.bytes += chunk.length;
      count?.(chunk);
      setTimeout(() => to.write(chunk), relay.roundTripMs / 2);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(relay, { port: (server.address() as AddressInfo).port });
}
