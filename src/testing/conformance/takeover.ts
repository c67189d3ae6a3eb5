import { define, type Definition } from "./definition.ts";
import { TTL_MS, type Owner, type Scene } from "./scene.ts";
import { has, same } from "./verify.ts";

/** A dead owner, and the new one that has taken over. */
async function takenOver(scene: Scene): Promise<{ readonly old: Owner; readonly heir: Owner }> {
  const old = await scene.deadOwner();
  const heir = scene.owner();
  const outcome = await heir.acquire({ suspects: old.suspects });
  has(outcome, { status: "granted", takenOver: "key" }, "takeover");
  await scene.holderIs("key", heir);
  return { old, heir };
}

/** Takeover × {old owner, new owner} × {release, update}, by operation and by primitive. */
export const takeover: readonly Definition[] = [
  define("takeover: the old owner's release spares the new owner", [], async (scene) => {
    const { old, heir } = await takenOver(scene);
    await old.releases("held", await scene.database.readLockData("key"));
    await scene.holderIs("key", heir);
    const held = {
      status: "SOMEONE_ELSE_HOLDS_LOCK",
      lockData: await scene.database.readLockData("key"),
    };
    same(await scene.database.tryDelete("key", old.ownerHash), held, "tryDelete");
    await heir.renews();
    await heir.releases("released");
  }),

  define(
    "takeover: the old owner's update is lost, and spares the new owner",
    [],
    async (scene) => {
      const { old, heir } = await takenOver(scene);
      const stored = await scene.database.readLockData("key");
      await old.isLost();
      await old.isLost({ ttlMs: 0, livenessMs: TTL_MS });
      const { lockData, ownerHash } = old;
      const held = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: stored };
      same(await scene.database.tryUpdate("key", lockData, TTL_MS, ownerHash), held, "tryUpdate");
      same(await scene.database.readLockData("key"), stored, "the record");
      await heir.renews();
    },
  ),

  define(
    "takeover: the old owner stays lost although its process is reported alive again",
    [],
    async (scene) => {
      const { old, heir } = await takenOver(scene);
      const processData = scene.database.createProcessData();
      await scene.database.saveProcessData(old.processHash, processData, TTL_MS);
      await old.isLost();
      await heir.renews();
      await scene.holderIs("key", heir);
    },
  ),

  define("takeover: the new owner's update is a success", [], async (scene) => {
    const { heir } = await takenOver(scene);
    await heir.renews();
    const { lockData, ownerHash } = heir;
    const stored = (await scene.database.readLockData("key")) ?? lockData;
    const updated = await scene.database.tryUpdate("key", stored, TTL_MS, ownerHash);
    same(updated, { status: "SUCCESS", lockData: stored }, "tryUpdate");
  }),

  define(
    "takeover: the new owner's release frees the key, and the old owner has nothing left",
    [],
    async (scene) => {
      const { old, heir } = await takenOver(scene);
      await heir.releases("released");
      await scene.holderIs("key", null);
      await old.isLost();
      await old.releases("missing");
      await scene.owner().acquires();
    },
  ),

  define("takeover: the old owner cannot acquire under its old name", [], async (scene) => {
    const { old, heir } = await takenOver(scene);
    const { status } = await old.acquire();
    const expected = scene.database.capabilities.tombstones ? "gone" : "held";
    same(status, expected, "acquire");
    await scene.holderIs("key", heir);
    await heir.renews();
  }),

  define("takeover: of several heirs at the same time one gets the lock", [], async (scene) => {
    const old = await scene.deadOwner();
    const heirs = Array.from({ length: 5 }, () => scene.owner());
    const outcomes = await Promise.all(
      heirs.map((heir) => heir.acquire({ suspects: old.suspects })),
    );
    const won = heirs.filter((_, at) => outcomes[at]?.status === "granted");
    same(won.length, 1, "the number of winners");
    await scene.holderIs("key", won[0] ?? null);
  }),

  define(
    "takeover: the new record has the time asked for, not what the old one had left",
    ["storage"],
    async (scene) => {
      const old = await scene.deadOwner();
      const heir = scene.owner();
      await heir.acquires({ ttlMs: 5_000, suspects: old.suspects });
      await scene.left([heir.lock, heir.proc], 1, 5_000);
    },
  ),

  define(
    "takeover: a record without livenessMs, as distributed-locker writes it, is taken from the dead",
    [],
    async (scene) => {
      const [foreign, heir] = [scene.owner("key", { livenessMs: null }), scene.owner()];
      await scene.database.tryCreate("key", foreign.lockData, TTL_MS);
      same((await scene.owner().acquire()).status, "held", "acquire");
      same((await scene.database.inspect("key"))?.alive, false, "alive");
      has(await heir.acquire({ suspects: foreign.suspects }), { status: "granted" }, "takeover");
      await scene.holderIs("key", heir);
    },
  ),
];
