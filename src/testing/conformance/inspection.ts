import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { has, same } from "./verify.ts";

/** Looking at a key, and forcing it. */
export const inspection: readonly Definition[] = [
  define("an inspection of a free key is null, of a held one its record", [], async (scene) => {
    same(await scene.database.inspect("key"), null, "a free key");
    const owner = scene.owner("key", { trace: "of a case" });
    await owner.acquires();
    const lockData = await scene.database.readLockData("key");
    has(await scene.database.inspect("key"), { lockData, alive: true }, "a held key");
    has(lockData, { ownerHash: owner.ownerHash, trace: "of a case" }, "the record");
  }),

  define("an inspection tells a dead holder from a live one", ["storage"], async (scene) => {
    const holder = scene.owner("key", { livenessMs: null });
    await holder.acquires();
    has(await scene.database.inspect("key"), { alive: true }, "a live holder");
    await scene.storage.remove(holder.proc);
    has(await scene.database.inspect("key"), { alive: false }, "a dead holder");
  }),

  define(
    "an inspection tells the dead holder of a lock without expiry",
    ["storage"],
    async (scene) => {
      const holder = scene.owner();
      await scene.storage.write("lock:key", JSON.stringify(holder.lockData), null);
      has(await scene.database.inspect("key"), { alive: false }, "a dead holder");
      const processData = JSON.stringify(scene.database.createProcessData());
      await scene.storage.write(holder.proc, processData, TTL_MS);
      has(await scene.database.inspect("key"), { alive: true }, "a live holder");
    },
  ),

  define("forceDelete frees the key of the owner it names, and of no other", [], async (scene) => {
    const [holder, other] = [scene.owner(), scene.owner()];
    const { database } = scene;
    await holder.acquires();
    same(await database.forceDelete("key", other.ownerHash), false, "another owner");
    same(await database.forceDelete("key", null), false, "no owner");
    await scene.holderIs("key", holder);
    await holder.renews();
    same(await database.forceDelete("key", holder.ownerHash), true, "the owner");
    await scene.holderIs("key", null);
    await holder.isLost();
    await holder.releases("missing");
  }),

  define("forceDelete of a free key is false, and leaves it free", [], async (scene) => {
    same(await scene.database.forceDelete("key", scene.owner().ownerHash), false, "an owner");
    same(await scene.database.forceDelete("key", null), false, "no owner");
    await scene.owner().acquires();
  }),
];
