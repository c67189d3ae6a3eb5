import { escapeGlob } from "../../src/database/listing.ts";
import type { RawStorage } from "../../src/testing/index.ts";

type Command = (...command: (string | number)[]) => Promise<unknown>;

/** What a RedisDatabase stores under `prefix`, bypassing its scripts. */
export function redisStorage(
  prefix: string,
  command: Command,
): Required<RawStorage> & {
  /** Removes everything. */
  clear(): Promise<void>;
} {
  return {
    async read(name) {
      return (await command("GET", prefix + name)) as string | null;
    },
    async write(name, text, ttlMs) {
      await command("SET", prefix + name, text, ...(ttlMs === null ? [] : ["PX", ttlMs]));
    },
    async remove(name) {
      await command("DEL", prefix + name);
    },
    async remainingMs(name) {
      const ms = Number(await command("PTTL", prefix + name));
      if (ms === -2) return undefined;
      return ms === -1 ? null : ms;
    },
    async writeNoText(name) {
      await command("DEL", prefix + name);
      await command("RPUSH", prefix + name, "a", "list");
    },
    async clear() {
      const pattern = `${escapeGlob(prefix)}*`;
      const keys = (await command("KEYS", pattern)) as string[];
      if (keys.length > 0) await command("DEL", ...keys);
    },
  };
}
