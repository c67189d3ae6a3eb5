/** A running Redis that tests and tools talk to. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Informational: where the server came from. */
  readonly source: string;
  /** The server's process id; undefined for a server that is not ours. */
  readonly pid: number | undefined;
  readonly stop: () => Promise<void>;
  /** Same port, empty data. Starts the server again after stop(), so the two simulate an outage of any length. */
  readonly restart: () => Promise<void>;
}
