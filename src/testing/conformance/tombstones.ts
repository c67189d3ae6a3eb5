import { define, type Definition } from "./definition.ts";
import { same } from "./verify.ts";

const GONE = { status: "gone" };
const HELD = "held";
const TAKEN = { status: "missing", lockData: null, isTaken: true };

/** R4: an owner hash that has ended creates nothing any more, and its release tells the truth. */
export const tombstones: readonly Definition[] = [
  define(
    "R4 an acquire that arrives after its release creates nothing",
    ["tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await owner.releases("released");
      same(await owner.acquire(), GONE, "a late acquire");
      await scene.holderIs("key", null);
      same(await scene.database.readProcessData(owner.processHash), null, "its process");
    },
  ),

  define(
    "R4 a release overtakes its own acquire: NO_KEY, and the acquire creates nothing",
    ["tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.releases("missing");
      same(await owner.acquire(), GONE, "a late acquire");
      await scene.holderIs("key", null);
      await owner.releases("missing");
    },
  ),

  define("R4 a late acquire does not take over from the dead", ["tombstones"], async (scene) => {
    const dead = await scene.deadOwner();
    const owner = scene.owner();
    await owner.release();
    same(await owner.acquire({ suspects: dead.suspects }), GONE, "a late acquire");
    await scene.holderIs("key", dead);
  }),

  define(
    "R4 a late acquire says GONE also where another has the lock",
    ["tombstones"],
    async (scene) => {
      const [owner, successor] = [scene.owner(), scene.owner()];
      await owner.acquires();
      await owner.releases("released");
      await successor.acquires();
      same(await owner.acquire(), GONE, "a late acquire");
      await successor.renews();
    },
  ),

  define(
    "R4 a refused acquire that is delivered again when the key is free creates nothing",
    ["tombstones"],
    async (scene) => {
      const [holder, owner] = [scene.owner(), scene.owner()];
      await holder.acquires();
      same((await owner.acquire()).status, HELD, "acquire");
      same((await owner.acquire()).status, HELD, "the same delivered again");
      await holder.releases("released");
      same(await owner.acquire(), GONE, "a late acquire");
      await scene.holderIs("key", null);
      same(await scene.database.readProcessData(owner.processHash), null, "its process");
      await owner.releases("missing");
    },
  ),

  define(
    "R4 a refused acquire that is delivered again does not take over from the dead",
    ["tombstones"],
    async (scene) => {
      const dead = await scene.deadOwner();
      const owner = scene.owner();
      same((await owner.acquire()).status, HELD, "acquire");
      same(await owner.acquire({ suspects: dead.suspects }), GONE, "a late acquire");
      await scene.holderIs("key", dead);
    },
  ),

  define(
    "R4 a granted acquire that is delivered again when the lock has ended creates nothing",
    ["tombstones", "storage"],
    async (scene) => {
      for (const keys of [["a"], ["a", "b"]] as const) {
        const owner = scene.owner(keys);
        await owner.acquires();
        for (const key of keys) await scene.storage.remove(`lock:${key}`);
        await scene.storage.remove(owner.proc);
        same(await owner.acquire(), GONE, "a late acquire");
        for (const key of keys) await scene.holderIs(key, null);
        await scene.absent(owner.proc);
        await owner.releases("missing");
        same(await owner.acquire(), GONE, "a late acquire after the release");
      }
    },
  ),

  define(
    "R4 a token that is met again is remembered anew",
    ["tombstones", "storage"],
    async (scene) => {
      const [granted, refused, released] = [scene.owner(), scene.owner(), scene.owner()];
      await granted.acquires();
      await refused.acquire();
      await released.release();
      for (const owner of [granted, refused, released]) {
        const reason = (await scene.storage.read(owner.gone)) ?? "";
        await scene.storage.write(owner.gone, reason, 5_000);
        await owner.acquire();
        await scene.left([owner.gone], 5_001, 3_600_000);
        same(await scene.storage.read(owner.gone), reason, "what became of it");
      }
    },
  ),

  define(
    "R4 a refusal of several keys ends the claims to all of them",
    ["tombstones", "severalKeys"],
    async (scene) => {
      for (const held of ["a", "b"]) {
        const [holder, owner] = [scene.owner(held), scene.owner(["a", "b"])];
        await holder.acquires();
        same((await owner.acquire()).status, HELD, "acquire");
        await holder.releases("released");
        same(await owner.acquire(), GONE, "a late acquire");
        await scene.holderIs("a", null);
        await scene.holderIs("b", null);
      }
    },
  ),

  define(
    "R4 a release sent again is SUCCESS also when another has the lock by then",
    ["tombstones"],
    async (scene) => {
      const [owner, successor] = [scene.owner(), scene.owner()];
      await owner.acquires();
      await owner.releases("released");
      await successor.acquires();
      await owner.releases("released");
      await successor.renews();
    },
  ),

  define(
    "R4 the release of a lost lock is NO_KEY, also when sent again",
    ["tombstones", "storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await scene.storage.remove(owner.lock);
      // An earlier send of the release may have ended it, for all the tombstone knows.
      same(await owner.release(), { status: "missing", lockData: null }, "release");
      same(await owner.release(), { status: "missing", lockData: null }, "the release sent again");
      same(await owner.acquire(), GONE, "a late acquire");
      await scene.absent(owner.lock, owner.proc);
    },
  ),

  define(
    "R4 a release that found a successor never becomes a success",
    ["tombstones"],
    async (scene) => {
      const [owner, successor] = [scene.owner(), scene.owner()];
      await successor.acquires();
      await owner.releases("held");
      await successor.releases("released");
      await owner.releases("missing");
      same(await owner.acquire(), GONE, "a late acquire");
      await scene.holderIs("key", null);
    },
  ),

  define(
    "R4 who was taken over from is told so after the new owner has left, too",
    ["tombstones"],
    async (scene) => {
      const old = await scene.deadOwner();
      const heir = scene.owner();
      await heir.acquires({ suspects: old.suspects });
      await heir.releases("released");
      same(await old.acquire(), GONE, "a late acquire");
      same(await old.release(), TAKEN, "release");
      same(await old.release(), TAKEN, "the release sent again");
      same(await old.acquire(), GONE, "a late acquire");
    },
  ),

  define(
    "R4 forceDelete ends its owner hash, and is true again when sent again",
    ["tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      const { database } = scene;
      same(await database.forceDelete("key", owner.ownerHash), true, "forceDelete");
      same(await database.forceDelete("key", owner.ownerHash), true, "forceDelete again");
      same(await owner.acquire(), GONE, "a late acquire");
      same(await owner.release(), TAKEN, "release");
      await scene.holderIs("key", null);
    },
  ),

  define("R4 forceDelete sent again spares the successor", ["tombstones"], async (scene) => {
    const [owner, successor] = [scene.owner(), scene.owner()];
    await owner.acquires();
    await scene.database.forceDelete("key", owner.ownerHash);
    await successor.acquires();
    same(await scene.database.forceDelete("key", owner.ownerHash), true, "forceDelete again");
    await successor.renews();
  }),

  define(
    "R4 one ended owner hash of several keys ends them all",
    ["tombstones", "severalKeys"],
    async (scene) => {
      for (const forced of ["a", "b"]) {
        const owner = scene.owner(["a", "b"]);
        await owner.acquires();
        await scene.database.forceDelete(forced, owner.ownerHashOf(forced) ?? null);
        same(await owner.acquire(), GONE, "acquire sent again");
        await scene.holderIs(forced, null);
        await owner.release();
        same(await owner.acquire(), GONE, "acquire sent again after its release");
        await scene.holderIs("a", null);
        await scene.holderIs("b", null);
        same(await scene.database.readProcessData(owner.processHash), null, "its process");
      }
    },
  ),

  define("R4 a tombstone expires by itself", ["tombstones", "storage"], async (scene) => {
    const [released, refused] = [scene.owner(), scene.owner()];
    await released.acquires();
    await refused.acquire();
    await released.releases("released");
    const [forced, old, heir] = [scene.owner(), scene.owner(), scene.owner()];
    await forced.acquires();
    await scene.database.forceDelete("key", forced.ownerHash);
    await old.acquires();
    await scene.storage.remove(old.proc);
    await heir.acquires({ suspects: old.suspects });
    const ended = [released, refused, forced, old, heir].map(({ gone }) => gone);
    await scene.left(ended, 1, 3_600_000);
  }),
];
