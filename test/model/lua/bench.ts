import { createClient } from "@redis/client";
import type { RedisClient } from "../../../src/index.ts";
import { conformanceCases } from "../../../src/testing/index.ts";
import { BenchScene, type Command } from "./bench-scene.ts";
import { CHECKS } from "./checks.ts";
import type { Through } from "./mutant.ts";

/** A real Redis, and databases on it that may send broken scripts. */
export interface Bench {
  /** Throws unless Redis can compile it: a script that cannot run would pass for any bug. */
  compile(script: string): Promise<void>;
  /** Runs the conformance case, or the check, of that name: "passed", or why it failed. */
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
