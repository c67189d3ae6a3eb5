import { randomUUID } from "node:crypto";
import { RedisDatabase, type RedisClient } from "../../../src/index.ts";
import type { ConformanceBackend } from "../../../src/testing/index.ts";
import { DatabaseScene } from "../../support/database-scene.ts";
import { redisStorage } from "../../support/redis-storage.ts";

export type Command = (...command: (string | number)[]) => Promise<unknown>;

/** A database with its own keys. */
export class BenchScene extends DatabaseScene {
  /** Runs once, after the next EVAL: what another client does between two commands. */
  meanwhile: (() => Promise<unknown>) | undefined;

  constructor(client: RedisClient, command: Command) {
    const prefix = `{${randomUUID()}}`;
    const interrupted: RedisClient = {
      eval: async (...call) => {
        const { meanwhile } = this;
        this.meanwhile = undefined;
        const reply = await client.eval(...call);
        await meanwhile?.();
        return reply;
      },
    };
    super({ prefix, command, database: new RedisDatabase(interrupted, { prefix }) });
  }

  get backend(): ConformanceBackend {
    const { database, prefix, command } = this;
    return {
      database,
      storage: redisStorage(prefix, command),
      setFull: (isFull) => this.setFull(isFull),
    };
  }

  /** Less than Redis itself needs: every command that needs memory is refused, for all clients. */
  async setFull(isFull: boolean): Promise<void> {
    await this.command("CONFIG", "SET", "maxmemory", isFull ? 1 : 0);
  }
}
