import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { same } from "./verify.ts";

/** A lock lives while its holder's process does, and can be taken from a dead one. */
export const liveness: readonly Definition[] = [
  define("an acquisition reports its process alive", [], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    const processData = await scene.database.readProcessData(owner.processHash);
    same(typeof processData?.aliveAt, "string", "aliveAt");
  }),

  define("a release ends the liveness of its process", ["tombstones"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    await owner.releases("released");
    same(await scene.database.readProcessData(owner.processHash), null, "readProcessData");
  }),

  define(
    "a refused acquisition leaves no liveness that it did not find",
    ["tombstones"],
    async (scene) => {
      await scene.owner().acquires();
      const refused = scene.owner();
      await refused.acquire();
      same(await scene.database.readProcessData(refused.processHash), null, "readProcessData");
    },
  ),

  define("a refused acquisition leaves the liveness that it found", [], async (scene) => {
    const [first, holder] = [scene.owner("a"), scene.owner("b")];
    await first.acquires();
    await holder.acquires();
    // A second lock of the same process, as distributed-locker has them.
    const { processHash } = first;
    const ownerHash = `b@${processHash}.1`;
    const lockData = scene.database.createLockData({ ownerHash, processHash, trace: undefined });
    const times = { ttlMs: TTL_MS, livenessMs: TTL_MS };
    const claims = [{ key: "b", lockData }];
    const refused = await scene.database.acquire({ claims, ...times, suspects: [] });
    same(refused.status, "held", "acquire");
    await first.renews();
  }),

  define("a holder that is alive is not taken over from, though suspected", [], async (scene) => {
    const [holder, other] = [scene.owner(), scene.owner()];
    await holder.acquires();
    const refused = await other.acquire({ suspects: holder.suspects });
    same(refused.status, "held", "acquire");
    await scene.holderIs("key", holder);
    await holder.renews();
  }),

  define("a dead holder is not taken over from unless suspected", [], async (scene) => {
    const dead = await scene.deadOwner();
    const refused = await scene.owner().acquire();
    same(refused.status, "held", "acquire");
    await scene.holderIs("key", dead);
  }),

  define(
    "a suspicion against an earlier holder does not touch the present one",
    [],
    async (scene) => {
      const [earlier, present, other] = [scene.owner(), scene.owner(), scene.owner()];
      await earlier.acquires();
      await earlier.releases("released");
      await present.acquires();
      const refused = await other.acquire({ suspects: earlier.suspects });
      same(refused.status, "held", "acquire");
      await scene.holderIs("key", present);
    },
  ),

  define(
    "a suspicion of one holder with the process of another takes nothing",
    ["tombstones"],
    async (scene) => {
      const dead = await scene.deadOwner("other");
      const [holder, thief] = [scene.owner(), scene.owner()];
      await holder.acquires();
      const [processOfDead] = dead.suspects.map((suspect) => ({
        ...suspect,
        ownerHash: holder.ownerHash,
        key: "key",
      }));
      const [ownerOfDead] = dead.suspects.map((suspect) => ({ ...suspect, key: "key" }));
      for (const suspect of [processOfDead, ownerOfDead]) {
        const refused = await thief.acquire({ suspects: suspect === undefined ? [] : [suspect] });
        same(refused.status, "held", "acquire");
        await scene.holderIs("key", holder);
      }
    },
  ),

  define(
    "another owner of the same dead process than the one suspected keeps its lock",
    ["storage"],
    async (scene) => {
      const [holder, namesake] = [scene.owner(), scene.owner()];
      await holder.acquires();
      await scene.storage.remove(holder.proc);
      const [suspect] = holder.suspects;
      const renamed = {
        ownerHash: namesake.ownerHash,
        key: "key",
        processHash: suspect?.processHash ?? "",
      };
      const refused = await scene.owner().acquire({ suspects: [renamed] });
      same(refused.status, "held", "acquire");
      await scene.holderIs("key", holder);
    },
  ),

  define("a renewal reports the process alive again", ["storage"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: 600_000, livenessMs: 5_000 });
    await scene.storage.write(owner.proc, '{"aliveAt":"2001-01-01T00:00:00.000Z"}', 5_000);
    await owner.renews({ ttlMs: 0, livenessMs: 60_000 });
    await scene.left([owner.proc], 30_000, 60_000);
    const processData = await scene.database.readProcessData(owner.processHash);
    same(processData?.aliveAt === "2001-01-01T00:00:00.000Z", false, "an old aliveAt");
  }),
];
