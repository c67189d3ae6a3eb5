import { define, type Definition } from "./definition.ts";
import { TTL_MS, type Owner, type Scene } from "./scene.ts";
import { same } from "./verify.ts";

const LONG_MS = 600_000;

/** The owner's own record under another fence, as after data loss; returns the fence it had. */
async function refence(scene: Scene, owner: Owner, by: number): Promise<void> {
  const stored = await scene.database.readLockData("key");
  const record = JSON.stringify({ ...stored, fence: (owner.fence ?? 0) + by });
  await scene.storage.write(owner.lock, record, TTL_MS);
}

/** R3: who holds a lock is told by owner hash and fence. */
export const identity: readonly Definition[] = [
  define(
    "R3 a stale owner can neither renew nor release its successor's lock",
    ["storage"],
    async (scene) => {
      const [stale, successor] = [scene.owner(), scene.owner()];
      await stale.acquires();
      await scene.storage.remove(stale.lock);
      await successor.acquires();
      await scene.unchanged(successor.lock, async () => {
        await stale.isLost({ ttlMs: LONG_MS });
        await stale.isLost({ ttlMs: 0 });
        await stale.releases("held", await scene.database.readLockData("key"));
      });
      await scene.left([successor.lock], 1, TTL_MS);
      await successor.releases("released");
    },
  ),

  define(
    "R3 under its successor's fence a stale owner is still not the owner",
    ["storage"],
    async (scene) => {
      const [stale, successor] = [scene.owner(), scene.owner()];
      await stale.acquires();
      await scene.storage.remove(stale.lock);
      await successor.acquires();
      await stale.isLost({ fence: successor.fence ?? null });
      stale.fence = successor.fence;
      await stale.releases("held");
      await scene.holderIs("key", successor);
    },
  ),

  define(
    "R3 one's own hash under another fence is lost to a renewal, and not lengthened",
    ["storage", "fences"],
    async (scene) => {
      for (const by of [-1, 1]) {
        const owner = scene.owner();
        await owner.acquires();
        await refence(scene, owner, by);
        await scene.unchanged(owner.lock, async () => {
          await owner.isLost({ ttlMs: LONG_MS });
          await owner.isLost({ ttlMs: 0, livenessMs: LONG_MS });
          await owner.isLost({ ttlMs: 0 });
        });
        await scene.left([owner.lock, owner.proc], 1, TTL_MS);
        await owner.release();
      }
    },
  ),

  define(
    "R3 a renewal that names no fence is lost where one is stored",
    ["fences"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await owner.isLost({ fence: null });
      await owner.renews();
    },
  ),

  define(
    "R3 a renewal that names a fence is lost where none is stored",
    ["fences"],
    async (scene) => {
      const owner = scene.owner();
      await scene.database.tryCreate("key", owner.lockData, TTL_MS);
      await scene.database.saveProcessData(
        owner.processHash,
        scene.database.createProcessData(),
        TTL_MS,
      );
      await owner.renews();
      await owner.isLost({ fence: 1 });
      await owner.isLost({ fence: 0 });
    },
  ),

  define(
    "R3 a release deletes its own hash under another fence, but is not a success",
    ["storage", "fences"],
    async (scene) => {
      for (const by of [-1, 1]) {
        const owner = scene.owner();
        await owner.acquires();
        await refence(scene, owner, by);
        await owner.releases("missing");
        await scene.absent(owner.lock, owner.proc);
        await owner.releases("missing");
      }
    },
  ),

  define(
    "R3 a release that knows no fence deletes its own hash whatever the fence",
    [],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      owner.fence = undefined;
      await owner.releases("released");
      await scene.holderIs("key", null);
    },
  ),

  define("R3 the same holder's two locks do not stand in for each other", [], async (scene) => {
    const [first, second] = [scene.owner("a"), scene.owner("b")];
    await first.acquires();
    await second.acquires();
    await first.releases("released");
    await scene.holderIs("b", second);
    await second.renews();
  }),

  define("R3 an owner hash that differs in one character is another", [], async (scene) => {
    const owner = scene.owner("key", { trace: "a" });
    await owner.acquires();
    const { ownerHash, processHash } = owner;
    const hashes = [
      ownerHash.toUpperCase(),
      `${ownerHash} `,
      ownerHash.slice(0, -1),
      `${ownerHash}\u0301`,
    ];
    for (const hash of hashes) {
      const lockData = scene.database.createLockData({ ownerHash: hash, processHash, trace: "a" });
      const updated = await scene.database.tryUpdate("key", lockData, TTL_MS, hash);
      same(updated.status, "SOMEONE_ELSE_HOLDS_LOCK", `tryUpdate by ${hash}`);
      const deleted = await scene.database.tryDelete("key", hash);
      same(
        "status" in deleted && deleted.status,
        "SOMEONE_ELSE_HOLDS_LOCK",
        `tryDelete by ${hash}`,
      );
      same(await scene.database.forceDelete("key", hash), false, `forceDelete of ${hash}`);
    }
    await owner.renews();
  }),
];
