import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { RedisDatabase, type RedisClient } from "../../../src/index.ts";
import { conformanceCases, type ConformanceBackend } from "../../../src/testing/index.ts";
import { DatabaseScene } from "../../support/database-scene.ts";
import { redisStorage } from "../../support/redis-storage.ts";
import { CHECKS } from "./checks.ts";
import type { Through } from "./mutant.ts";

type Command = (...command: (string | number)[]) => Promise<unknown>;

/** A real Redis, and databases on it that may send broken scripts. */
export interface Bench {
  /** Throws unless Redis can compile it: a script that cannot run would pass for any bug. */
  compile(script: string): Promise<void>;
  /** Runs the case of the conformance suite, or the check, of that name: "passed", or why it failed. */
  judge(guarantee: string, through?: Through): Promise<string>;
  close(): Promise<void>;
}

export async function openBench(url: string): Promise<Bench> {
  const redis = createClient({ url });
  await redis.connect();
  const command: Command = (...words) => redis.sendCommand(words.map(String));
  const client: RedisClient = {
    eval: (script, keys, args) => redis.eval(script, { keys, arguments: args }),
  };
  return {
    async compile(script) {
      await redis.scriptLoad(script);
    },
    async judge(guarantee, through = (same) => same) {
      const scene = new BenchScene(through(client), command);
      try {
        return await verdict(guarantee, scene);
      } finally {
        await scene.clear();
      }
    },
    close: () => redis.close(),
  };
}

async function verdict(guarantee: string, scene: BenchScene): Promise<string> {
  const check = CHECKS.get(guarantee);
  const cases = conformanceCases(async () => scene.backend);
  const run = check ? () => check(scene) : cases.find(({ name }) => name === guarantee)?.run;
  if (run === undefined) throw new Error(`there is no case called "${guarantee}"`);
  try {
    const result = (await run()) ?? "passed";
    return result === "passed" ? result : `skipped: ${result.skipped}`;
  } catch (error) {
    return String(error);
  }
}

/** A database under keys of its own. */
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

  /** Less than Redis needs by itself: whatever needs room is refused. For everybody. */
  async setFull(isFull: boolean): Promise<void> {
    await this.command("CONFIG", "SET", "maxmemory", isFull ? 1 : 0);
  }
}
