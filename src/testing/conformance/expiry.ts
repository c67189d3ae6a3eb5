import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { between, same } from "./verify.ts";

/** Short enough to wait for; nothing has to happen before it is over. */
const SHORT_MS = 200;
const OVER_MS = 400;

/** Time: what nobody renews ends by itself. */
export const expiry: readonly Definition[] = [
  define("a record that tryCreate wrote ends with its TTL", [], async (scene) => {
    const [{ lockData, ownerHash }, next] = [scene.owner(), scene.owner()];
    await scene.database.tryCreate("key", lockData, SHORT_MS);
    await scene.pass(OVER_MS);
    const noKey = { status: "NO_KEY", lockData: null };
    same(await scene.database.readLockData("key"), null, "readLockData");
    same(await scene.database.tryUpdate("key", lockData, TTL_MS, ownerHash), noKey, "tryUpdate");
    same(await scene.database.tryDelete("key", ownerHash), noKey, "tryDelete");
    const created = await scene.database.tryCreate("key", next.lockData, TTL_MS);
    same(created.status, "SUCCESS", "tryCreate by the next");
  }),

  define("a lock that nobody renews is free after its TTL", [], async (scene) => {
    const [owner, next] = [scene.owner(), scene.owner()];
    await owner.acquires({ ttlMs: SHORT_MS });
    await scene.pass(OVER_MS);
    await owner.isLost();
    same(await scene.database.inspect("key"), null, "inspect");
    await next.acquires();
    await owner.releases("held");
    await scene.holderIs("key", next);
  }),

  define("the release of a lock that ended with its TTL is NO_KEY", [], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: SHORT_MS });
    await scene.pass(OVER_MS);
    await owner.releases("missing");
  }),

  define("a process that is no longer reported alive is dead after its TTL", [], async (scene) => {
    const { processHash } = scene.owner();
    const processData = scene.database.createProcessData();
    await scene.database.saveProcessData(processHash, processData, SHORT_MS);
    await scene.pass(OVER_MS);
    same(await scene.database.readProcessData(processHash), null, "readProcessData");
  }),

  define(
    "a lock outlives the TTL it was created with once its owner has renewed it",
    [],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: 1_000 });
      const [outcome] = await owner.renew({ ttlMs: TTL_MS });
      await scene.pass(1_200);
      // A machine so slow that the renewal itself came too late proves nothing.
      if (outcome === "renewed") await owner.renews();
    },
  ),

  define("a lock and its liveness get the times asked for", ["storage"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: 600_000, livenessMs: 60_000 });
    await scene.left([owner.lock], 500_000, 600_000);
    await scene.left([owner.proc], 30_000, 60_000);
  }),

  define("a record and a process get the times asked for", ["storage"], async (scene) => {
    const { lockData, ownerHash, processHash, lock, proc } = scene.owner();
    await scene.database.tryCreate("key", lockData, 60_000);
    await scene.database.saveProcessData(processHash, scene.database.createProcessData(), 60_000);
    await scene.left([lock, proc], 30_000, 60_000);
    await scene.database.tryUpdate("key", lockData, 600_000, ownerHash);
    await scene.database.saveProcessData(processHash, scene.database.createProcessData(), 600_000);
    await scene.left([lock, proc], 500_000, 600_000);
  }),

  define(
    "a refusal and an inspection tell how long the holder has left",
    ["remainingMs"],
    async (scene) => {
      await scene.owner().acquires({ ttlMs: TTL_MS });
      const refused = await scene.owner().acquire();
      const refusedMs = "remainingMs" in refused ? refused.remainingMs : undefined;
      between(refusedMs, TTL_MS / 2, TTL_MS, "remainingMs of the refusal");
      const seen = await scene.database.inspect("key");
      between(seen?.remainingMs, TTL_MS / 2, TTL_MS, "remainingMs of the inspection");
    },
  ),

  define(
    "a lock without expiry is held, for null ms",
    ["remainingMs", "storage"],
    async (scene) => {
      const { lockData } = scene.owner();
      await scene.storage.write("lock:key", JSON.stringify(lockData), null);
      const refused = await scene.owner().acquire();
      const expected = {
        status: "held",
        key: "key",
        lockData,
        remainingMs: null,
      };
      same(refused, expected, "acquire");
      same((await scene.database.inspect("key"))?.remainingMs, null, "remainingMs");
    },
  ),
];
