import { define, type Definition } from "./definition.ts";
import { same } from "./verify.ts";

const MIDDLE_MS = 60_000;
const LONG_MS = 600_000;

/** R2: what is gone stays gone; loss is final. */
export const neverResurrect: readonly Definition[] = [
  define(
    "R2 the renewal of a lock that was never had is lost, and creates nothing",
    [],
    async (scene) => {
      const owner = scene.owner();
      await owner.isLost();
      await owner.isLost({ ttlMs: 0 });
      await scene.holderIs("key", null);
      same(await scene.database.readProcessData(owner.processHash), null, "its process");
    },
  ),

  define(
    "R2 the renewal of a missing lock is lost, and creates nothing",
    ["storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await scene.storage.remove(owner.lock);
      await owner.isLost({ ttlMs: LONG_MS });
      await owner.isLost({ ttlMs: 0, livenessMs: LONG_MS });
      await owner.isLost({ ttlMs: 0 });
      await scene.absent(owner.lock);
    },
  ),

  define(
    "R2 the renewal of a missing lock does not lengthen its liveness",
    ["storage", "tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: MIDDLE_MS });
      await scene.storage.remove(owner.lock);
      await owner.isLost({ ttlMs: LONG_MS });
      await owner.isLost({ ttlMs: 0, livenessMs: LONG_MS });
      await scene.left([owner.proc], 1, MIDDLE_MS);
    },
  ),

  define(
    "R2 a renewal with the process dead is lost, and creates and lengthens nothing",
    ["storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: MIDDLE_MS });
      await scene.storage.remove(owner.proc);
      await owner.isLost({ ttlMs: LONG_MS });
      await owner.isLost({ ttlMs: 0 });
      await scene.absent(owner.proc);
      await scene.left([owner.lock], 1, MIDDLE_MS);
    },
  ),

  define("R2 tryUpdate of a missing record creates nothing", ["storage"], async (scene) => {
    const { lockData, ownerHash, lock } = scene.owner();
    await scene.database.tryCreate("key", lockData, MIDDLE_MS);
    await scene.storage.remove(lock);
    const updated = await scene.database.tryUpdate("key", lockData, MIDDLE_MS, ownerHash);
    same(updated, { status: "NO_KEY", lockData: null }, "tryUpdate");
    await scene.absent(lock);
  }),

  define(
    "R2 an acquire sent again after its process died is lost for good, and frees the key",
    ["storage", "tombstones"],
    async (scene) => {
      const [owner, next] = [scene.owner(), scene.owner()];
      await owner.acquires();
      await scene.storage.remove(owner.proc);
      same(await owner.acquire(), { status: "lost" }, "acquire");
      await scene.absent(owner.lock, owner.proc);
      same(await owner.acquire(), { status: "gone" }, "acquire sent again");
      await owner.isLost();
      await next.acquires();
      await owner.releases("held");
      await scene.holderIs("key", next);
    },
  ),

  define(
    "R2 several keys sent again after their process died are lost for good, and free",
    ["storage", "tombstones", "severalKeys"],
    async (scene) => {
      const owner = scene.owner(["a", "b"]);
      await owner.acquires();
      await scene.storage.remove(owner.proc);
      same(await owner.acquire(), { status: "lost" }, "acquire");
      await scene.absent("lock:a", "lock:b", owner.proc);
      await owner.releases("missing");
      for (const { key, lockData } of owner.claims) {
        const claims = [{ key, lockData }];
        const times = { ttlMs: MIDDLE_MS, livenessMs: MIDDLE_MS };
        const late = await scene.database.acquire({ claims, ...times, suspects: [] });
        same(late, { status: "gone" }, "acquire sent again");
      }
    },
  ),

  define(
    "R2 a refused acquire creates nothing but a tombstone",
    ["storage", "tombstones"],
    async (scene) => {
      const [holder, other] = [scene.owner(), scene.owner()];
      await holder.acquires({ ttlMs: MIDDLE_MS });
      await scene.unchanged(holder.lock, async () => {
        await other.acquire({ ttlMs: LONG_MS });
      });
      await scene.absent(other.proc);
      await scene.left([holder.lock, holder.proc], 1, MIDDLE_MS);
    },
  ),
];
