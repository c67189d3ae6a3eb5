import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { same } from "./verify.ts";

/** A command whose answer was lost is sent again: that must be harmless, and tell the truth. */
export const repeatedSends: readonly Definition[] = [
  define("an acquire sent again is the same success", [], async (scene) => {
    const owner = scene.owner();
    const first = await owner.acquire();
    same(await owner.acquire(), first, "the second acquire");
    await scene.holderIs("key", owner);
    await owner.renews();
  }),

  define("an acquire sent twice at the same time is one lock", [], async (scene) => {
    const owner = scene.owner();
    const [one, other] = await Promise.all([owner.acquire(), owner.acquire()]);
    same(one.status, "granted", "one acquire");
    same(other, one, "the other acquire");
    await owner.renews();
    await owner.releases("released");
  }),

  define("a refused acquire sent again is refused again", [], async (scene) => {
    const [holder, other] = [scene.owner(), scene.owner()];
    await holder.acquires();
    for (let send = 1; send <= 2; send += 1) {
      same((await other.acquire()).status, "held", `acquire ${send}`);
    }
    await holder.renews();
  }),

  define("a renewal sent again is a success again", [], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await owner.renews();
    await owner.renews();
    await scene.holderIs("key", owner);
  }),

  define("a release sent again never frees the successor's lock", [], async (scene) => {
    const [owner, successor] = [scene.owner(), scene.owner()];
    await owner.acquires();
    await owner.releases("released");
    await successor.acquires();
    await owner.release();
    await scene.holderIs("key", successor);
    await successor.renews();
  }),

  define("a release sent again before anyone else came is SUCCESS or NO_KEY", [], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await owner.releases("released");
    await owner.releases(scene.database.capabilities.tombstones ? "released" : "missing");
  }),

  define("a renewal that arrives after the release creates nothing", [], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await owner.releases("released");
    await owner.isLost();
    await scene.holderIs("key", null);
  }),

  define("tryUpdate sent again is SUCCESS again, tryDelete NO_KEY", [], async (scene) => {
    const { database } = scene;
    const { lockData, ownerHash } = scene.owner();
    await database.tryCreate("key", lockData, TTL_MS);
    for (let send = 1; send <= 2; send += 1) {
      const updated = await database.tryUpdate("key", lockData, TTL_MS, ownerHash);
      same(updated, { status: "SUCCESS", lockData }, `tryUpdate ${send}`);
    }
    await database.tryDelete("key", ownerHash);
    const again = await database.tryDelete("key", ownerHash);
    same(again, { status: "NO_KEY", lockData: null }, "tryDelete again");
  }),
];
