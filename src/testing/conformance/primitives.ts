import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { between, same } from "./verify.ts";

const KEYS = ["key", "Key", "key ", "a:b", "{a}b", "ä€𝄞", "a/b@c.0#d", "*?[x]", '"\\', "__proto__"];
const NO_KEY = { status: "NO_KEY", lockData: null };

/** The primitives of distributed-locker, by the statuses they answer. */
export const primitives: readonly Definition[] = [
  define("tryCreate of a free key is SUCCESS, and the record can be read", [], async (scene) => {
    const { lockData } = scene.owner("key", { trace: "of a case" });
    same(await scene.database.readLockData("key"), null, "a free key");
    const created = await scene.database.tryCreate("key", lockData, TTL_MS);
    same(created, { status: "SUCCESS", lockData }, "tryCreate");
    same(await scene.database.readLockData("key"), lockData, "readLockData");
  }),

  define("tryCreate of a held key shows the holder, and changes nothing", [], async (scene) => {
    const [holder, other] = [scene.owner().lockData, scene.owner().lockData];
    await scene.database.tryCreate("key", holder, TTL_MS);
    const refused = await scene.database.tryCreate("key", other, TTL_MS);
    same(refused, { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder }, "tryCreate");
    same(await scene.database.readLockData("key"), holder, "readLockData");
  }),

  define("tryCreate that finds its own owner hash is SUCCESS", [], async (scene) => {
    const { lockData } = scene.owner();
    await scene.database.tryCreate("key", lockData, TTL_MS);
    const again = await scene.database.tryCreate("key", lockData, TTL_MS);
    same(again, { status: "SUCCESS", lockData }, "tryCreate");
  }),

  define("tryCreate at the same time is SUCCESS for exactly one", [], async (scene) => {
    const owners = Array.from({ length: 10 }, () => scene.owner().lockData);
    const outcomes = await Promise.all(
      owners.map((lockData) => scene.database.tryCreate("key", lockData, TTL_MS)),
    );
    const winners = outcomes.filter(({ status }) => status === "SUCCESS");
    same(winners.length, 1, "the number of winners");
    same(await scene.database.readLockData("key"), winners[0]?.lockData, "the holder");
  }),

  define("tryUpdate by the owner is SUCCESS, and the new record can be read", [], async (scene) => {
    const { lockData, ownerHash } = scene.owner();
    await scene.database.tryCreate("key", lockData, TTL_MS);
    const changed = { ...lockData, extendedAt: "2001-01-01T00:00:00.000Z" };
    const updated = await scene.database.tryUpdate("key", changed, TTL_MS, ownerHash);
    same(updated, { status: "SUCCESS", lockData: changed }, "tryUpdate");
    same(await scene.database.readLockData("key"), changed, "readLockData");
  }),

  define("tryUpdate of a free key is NO_KEY, and creates nothing", [], async (scene) => {
    const { lockData, ownerHash } = scene.owner();
    same(await scene.database.tryUpdate("key", lockData, TTL_MS, ownerHash), NO_KEY, "tryUpdate");
    same(await scene.database.readLockData("key"), null, "readLockData");
  }),

  define("tryUpdate by another shows the holder, and changes nothing", [], async (scene) => {
    const [holder, other] = [scene.owner().lockData, scene.owner()];
    await scene.database.tryCreate("key", holder, TTL_MS);
    const refused = await scene.database.tryUpdate("key", other.lockData, TTL_MS, other.ownerHash);
    same(refused, { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder }, "tryUpdate");
    same(await scene.database.readLockData("key"), holder, "readLockData");
  }),

  define("tryDelete by the owner is SUCCESS, and frees the key", [], async (scene) => {
    const { lockData, ownerHash } = scene.owner();
    await scene.database.tryCreate("key", lockData, TTL_MS);
    const deleted = await scene.database.tryDelete("key", ownerHash);
    same(deleted, { status: "SUCCESS", lockData: null }, "tryDelete");
    same(await scene.database.readLockData("key"), null, "readLockData");
    same(await scene.database.tryDelete("key", ownerHash), NO_KEY, "tryDelete of a free key");
  }),

  define("tryDelete by another shows the holder, and deletes nothing", [], async (scene) => {
    const [holder, other] = [scene.owner().lockData, scene.owner()];
    await scene.database.tryCreate("key", holder, TTL_MS);
    const refused = await scene.database.tryDelete("key", other.ownerHash);
    same(refused, { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: holder }, "tryDelete");
    same(await scene.database.readLockData("key"), holder, "readLockData");
  }),

  define("a process is dead until it is reported alive", [], async (scene) => {
    const { processHash } = scene.owner();
    same(await scene.database.readProcessData(processHash), null, "an unknown process");
    const processData = scene.database.createProcessData();
    await scene.database.saveProcessData(processHash, processData, TTL_MS);
    same(await scene.database.readProcessData(processHash), processData, "readProcessData");
    const later = { aliveAt: "2001-01-01T00:00:00.000Z" };
    await scene.database.saveProcessData(processHash, later, TTL_MS);
    same(await scene.database.readProcessData(processHash), later, "readProcessData");
    same(await scene.database.readProcessData(scene.owner().processHash), null, "another process");
  }),

  define(
    "records say when they were made, and a trace only where there is one",
    [],
    async (scene) => {
      const owner = { ownerHash: "key@a/1.2.0", processHash: "a/1.2" };
      const plain = scene.database.createLockData({ ...owner, trace: undefined });
      const traced = scene.database.createLockData({ ...owner, trace: "of a case" });
      same("trace" in plain, false, "a trace where there is none");
      same(traced.trace, "of a case", "the trace");
      for (const time of [
        plain.acquiredAt,
        plain.extendedAt,
        scene.database.createProcessData().aliveAt,
      ]) {
        same(new Date(time).toISOString(), time, "a time");
      }
      between(Date.parse(plain.acquiredAt), 1, Infinity, "acquiredAt");
    },
  ),

  define("every key is a lock of its own, whatever its characters", [], async (scene) => {
    for (const key of KEYS) {
      const { lockData } = scene.owner(key);
      same((await scene.database.tryCreate(key, lockData, TTL_MS)).status, "SUCCESS", key);
    }
    for (const key of KEYS) {
      const holder = await scene.database.readLockData(key);
      same(holder?.ownerHash.startsWith(`${key}@`), true, `the holder of ${key}`);
      await scene.database.tryDelete(key, holder?.ownerHash ?? "");
      same(await scene.database.readLockData(key), null, key);
    }
  }),
];
