import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brewRedis } from "./brew.ts";
import { cachedDebianRedis, downloadDebianRedis } from "./debian.ts";
import { dockerRedis } from "./docker.ts";
import { nativeProgram, verifyProgram } from "./program.ts";
import type { RedisProgram } from "./program.ts";

export interface FindRedisOptions {
  readonly onProgress?: (line: string) => void;
  /** Where a downloaded server is kept. @default `.cache/redis` under the project */
  readonly cacheFolder?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const DEFAULT_CACHE = fileURLToPath(new URL("../../.cache/redis", import.meta.url));

const HOW_TO_GET_ONE = [
  "No Redis to run against. Do one of the following and try again:",
  "  install redis-server (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)",
  "  install valkey-server",
  "  start a Docker engine",
  "  set REDIS_URL to a Redis of your own, for example redis://127.0.0.1:6379",
].join("\n");

/** A way to run Redis here: on PATH, from the cache, from Debian, from Docker or from Homebrew; throws one error that lists what was tried. */
export async function findRedis(options: FindRedisOptions = {}): Promise<RedisProgram> {
  const { onProgress = () => {}, cacheFolder = DEFAULT_CACHE, env = process.env } = options;
  const notes: string[] = [];
  const note = (line: string): void => {
    notes.push(line);
    onProgress(line);
  };
  const found =
    (await redisOnPath(env)) ??
    (await cachedDebianRedis(cacheFolder)) ??
    (await downloadDebianRedis(cacheFolder, note)) ??
    (await dockerRedis(note)) ??
    (await brewRedis(note));
  if (found !== undefined) {
    return found;
  }
  const tried = notes.map((line) => `  tried: ${line}`);
  throw new Error([HOW_TO_GET_ONE, ...tried].join("\n"));
}

async function redisOnPath(env: NodeJS.ProcessEnv): Promise<RedisProgram | undefined> {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const listings = await Promise.all(folders.map(listFolder));
  for (const name of ["redis-server", "valkey-server"]) {
    for (const folder of folders.filter((_, at) => listings[at]?.includes(name))) {
      const program = nativeProgram(`${name} on PATH`, join(folder, name));
      // A wrapper or a dangling link may have the name without being a server: keep looking.
      // oxlint-disable-next-line no-await-in-loop
      if (await verifyProgram(program)) {
        return program;
      }
    }
  }
  return undefined;
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
