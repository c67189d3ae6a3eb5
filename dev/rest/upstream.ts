import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import type { RestCommand } from "./command.ts";
import type { RedisReply } from "./reply.ts";

type Client = ReturnType<typeof openClient>;

/** Redis did not answer: each command sent may or may not have been applied. */
export class UpstreamLost extends Error {
  override readonly name = "UpstreamLost";
}

/** The front's connections to Redis. Nothing is queued or sent twice: a lost connection fails the commands on it. */
export class RestUpstream {
  readonly #url: string;
  readonly #open = new Set<Client>();
  #shared: Client | undefined;
  #connecting: Promise<Client> | undefined;
  #closed = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Runs commands in order; an error reply is a value, a lost connection is thrown as UpstreamLost. */
  async run(commands: readonly RestCommand[]): Promise<RedisReply[]> {
    const client = await this.#sharedClient();
    // All are written in one tick, so that none can be sent after a reconnect.
    return Promise.all(commands.map((command) => send(client, command.args)));
  }

  /** Runs commands as MULTI/EXEC on a dedicated connection; an error reply when Redis discards the transaction. */
  async transaction(commands: readonly RestCommand[]): Promise<RedisReply> {
    const client = await this.dedicated();
    try {
      const all = [["MULTI"], ...commands.map(({ args }) => args), ["EXEC"]];
      const replies = await Promise.all(all.map((args) => send(client, args)));
      return replies.at(-1) ?? null;
    } finally {
      this.release(client);
    }
  }

  /** A connection for one caller, who returns it with release(). */
  async dedicated(): Promise<Client> {
    const client = openClient(this.#url);
    // connect() and the commands in flight reject on their own; without a listener Node would also throw the error.
    client.on("error", () => {});
    this.#open.add(client);
    try {
      if (this.#closed) {
        throw new Error("the REST front has stopped");
      }
      await client.connect();
      return client;
    } catch (cause) {
      this.release(client);
      throw new UpstreamLost(`Redis cannot be reached: ${String(cause)}`, { cause });
    }
  }

  release(client: Client): void {
    this.#open.delete(client);
    client.destroy();
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#open) {
      this.release(client);
    }
  }

  async #sharedClient(): Promise<Client> {
    if (this.#shared?.isReady === true) {
      return this.#shared;
    }
    this.#connecting ??= this.#replaceShared();
    return this.#connecting;
  }

  async #replaceShared(): Promise<Client> {
    try {
      if (this.#shared !== undefined) {
        this.release(this.#shared);
      }
      this.#shared = await this.dedicated();
      return this.#shared;
    } finally {
      this.#connecting = undefined;
    }
  }
}

function openClient(url: string) {
  return createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    socket: { reconnectStrategy: false, connectTimeout: 5_000 },
    commandOptions: {
      typeMapping: {
        [RESP_TYPES.BLOB_STRING]: Buffer,
        [RESP_TYPES.SIMPLE_STRING]: Buffer,
        [RESP_TYPES.NUMBER]: String,
      },
    },
  });
}

async function send(client: Client, args: readonly (string | Buffer)[]): Promise<RedisReply> {
  try {
    return await client.sendCommand<RedisReply>(args);
  } catch (cause) {
    if (cause instanceof ErrorReply) {
      return cause;
    }
    throw new UpstreamLost(`Redis went away: ${String(cause)}`, { cause });
  }
}
