import { define, type Definition } from "./definition.ts";
import { TTL_MS, type Scene } from "./scene.ts";
import { rejects, same } from "./verify.ts";

const SHORT_MS = 1_000;
const LONG_MS = 600_000;
const STILL_LONG_MS = 300_000;

export async function whileFull(scene: Scene, work: () => Promise<void>): Promise<void> {
  await scene.setFull(true);
  try {
    await work();
  } finally {
    await scene.setFull(false);
  }
}

/** R5: a database that has no room for records must not end a lease, nor keep one from ending. */
export const expiryFirst: readonly Definition[] = [
  define(
    "R5 a renewal on a full database keeps lock and liveness",
    ["full", "storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await whileFull(scene, async () => {
        await owner.renews({ ttlMs: SHORT_MS });
        await owner.renews({ ttlMs: LONG_MS });
        await owner.renews({ ttlMs: 0 });
      });
      await scene.left([owner.lock, owner.proc], STILL_LONG_MS, LONG_MS);
      await owner.releases("released");
    },
  ),

  define(
    "R5 an acquire sent again on a full database is the same success",
    ["full", "storage"],
    async (scene) => {
      const owner = scene.owner();
      const first = await owner.acquire();
      await whileFull(scene, async () =>
        same(await owner.acquire({ ttlMs: LONG_MS }), first, "acquire"),
      );
      await scene.left([owner.lock, owner.proc], STILL_LONG_MS, LONG_MS);
    },
  ),

  define("R5 a release on a full database frees the key", ["full"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await whileFull(scene, async () => {
      await owner.releases("released");
      await scene.holderIs("key", null);
    });
    await scene.owner().acquires();
  }),

  define(
    "R5 a release on a full database that finds nothing is answered",
    ["full"],
    async (scene) => {
      const [owner, holder] = [scene.owner("a"), scene.owner("b")];
      await holder.acquires();
      await whileFull(scene, async () => {
        await owner.releases("missing");
        await scene.owner("b").releases("held");
      });
      await holder.renews();
    },
  ),

  define("R5 a refusal on a full database is answered", ["full"], async (scene) => {
    await scene.owner().acquires();
    await whileFull(scene, async () => {
      same((await scene.owner().acquire()).status, "held", "acquire");
    });
  }),

  define(
    "R5 a refusal on a full database is remembered: delivered again, it creates nothing",
    ["full", "tombstones"],
    async (scene) => {
      const [holder, owner] = [scene.owner("a"), scene.owner(["a", "b"])];
      await holder.acquires();
      await whileFull(scene, async () => {
        same((await owner.acquire()).status, "held", "acquire");
      });
      await holder.releases("released");
      same((await owner.acquire()).status, "gone", "the same delivered again");
      await scene.holderIs("a", null);
    },
  ),

  define(
    "R5 a release on a full database that finds nothing is remembered: its acquire, delivered late, creates nothing",
    ["full", "tombstones"],
    async (scene) => {
      const owner = scene.owner(["a", "b"]);
      await whileFull(scene, () => owner.releases("missing"));
      same((await owner.acquire()).status, "gone", "a late acquire");
      await scene.holderIs("a", null);
    },
  ),

  define("R5 forceDelete on a full database frees the key", ["full"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await whileFull(scene, async () => {
      same(await scene.database.forceDelete("key", owner.ownerHash), true, "forceDelete");
      await scene.holderIs("key", null);
    });
  }),

  define(
    "R5 an acquire that a full database refuses is not applied, for certain",
    ["full", "storage"],
    async (scene) => {
      const [owner, dead] = [scene.owner("a"), await scene.deadOwner("b")];
      const heir = scene.owner("b");
      await whileFull(scene, async () => {
        const refusal = { applied: "no" };
        await rejects(owner.acquire(), refusal, "acquire");
        await rejects(heir.acquire({ suspects: dead.suspects }), refusal, "takeover");
        await rejects(scene.database.tryCreate("a", owner.lockData, TTL_MS), refusal, "tryCreate");
      });
      await scene.absent(owner.lock, owner.proc, heir.proc);
      await scene.holderIs("b", dead);
    },
  ),
];
