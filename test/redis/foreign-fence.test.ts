import { expect, it } from "vitest";
import { LockService } from "../../src/index.ts";
import { useDatabase } from "../support/database-scene.ts";

const scenes = useDatabase();

it.each([
  ["text", "SET", "a text"],
  ["a number with a fraction", "SET", "1.5"],
  ["the last integer that is exact", "SET", "9007199254740991"],
  ["an integer that is not exact", "SET", "9007199254740992"],
  ["the last integer that Redis counts to", "SET", "9223372036854775807"],
  ["a list", "RPUSH", "an item"],
  ["a hash", "HSET", "field", "value"],
])(
  "a fence key that holds %s is named in the error, with what to do about it",
  async (_, ...write) => {
    const scene = scenes.open();
    const [name = "", ...values] = write;
    await scene.command(name, scene.fenceKey(), ...values);
    const refused = scene.owner().acquire();
    await expect(refused).rejects.toMatchObject({
      applied: "no",
      retriable: false,
      message: expect.stringContaining(`The key "${scene.fenceKey()}" holds something else`),
    });
    await expect(refused).rejects.toThrow("remove it, or choose another prefix");
    // Nor is anything left of the attempt.
    expect(await scene.command("KEYS", `${scene.prefix}lock:*`)).toEqual([]);
    const acquiring = new LockService({ database: scene.database }).acquire("key");
    await expect(acquiring).rejects.toThrow(scene.fenceKey());
    await scene.command("DEL", scene.fenceKey());
    expect(await scene.owner().acquire()).toMatchObject({ status: "granted" });
  },
);
