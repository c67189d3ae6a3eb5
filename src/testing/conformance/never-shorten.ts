import { define, type Definition } from "./definition.ts";
import type { Owner } from "./scene.ts";
import { same } from "./verify.ts";

const LONG_MS = 600_000;
const MIDDLE_MS = 60_000;
const SHORT_MS = 5_000;
/** No case takes so long that a long time sinks below this. */
const STILL_LONG_MS = 300_000;
const STILL_MIDDLE_MS = 30_000;

const both = ({ lock, proc }: Owner): readonly [Owner["lock"], Owner["proc"]] => [lock, proc];

/** R1: no owner's write reduces the time left, so that a late or repeated send can only help. */
export const neverShorten: readonly Definition[] = [
  define(
    "R1 an acquire sent again with a shorter time shortens nothing",
    ["storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: LONG_MS });
      await owner.acquires({ ttlMs: SHORT_MS });
      await scene.left(both(owner), STILL_LONG_MS, LONG_MS);
    },
  ),

  define(
    "R1 an acquire sent again with a longer time lengthens lock and liveness",
    ["storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: MIDDLE_MS });
      await owner.acquires({ ttlMs: LONG_MS });
      await scene.left(both(owner), STILL_LONG_MS, LONG_MS);
    },
  ),

  define("R1 a late, shorter renewal shortens nothing", ["storage"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: LONG_MS });
    await owner.renews({ ttlMs: SHORT_MS });
    await scene.left(both(owner), STILL_LONG_MS, LONG_MS);
  }),

  define("R1 a renewal lengthens lock and liveness, each by itself", ["storage"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: MIDDLE_MS });
    await owner.renews({ ttlMs: LONG_MS, livenessMs: SHORT_MS });
    await scene.left([owner.lock], STILL_LONG_MS, LONG_MS);
    await scene.left([owner.proc], STILL_MIDDLE_MS, MIDDLE_MS);
    await owner.renews({ ttlMs: SHORT_MS, livenessMs: LONG_MS });
    await scene.left(both(owner), STILL_LONG_MS, LONG_MS);
  }),

  define("R1 a renewal of 0 ms only asks", ["storage"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires({ ttlMs: MIDDLE_MS });
    await scene.storage.write(owner.proc, '{"aliveAt":"2001-01-01T00:00:00.000Z"}', MIDDLE_MS);
    const stored = (await scene.database.readLockData("key")) ?? owner.lockData;
    const lockData = { ...stored, extendedAt: "2001-01-01T00:00:00.000Z" };
    const request = { key: "key", lockData, ttlMs: 0, livenessMs: 0 };
    await scene.unchanged(owner.lock, () =>
      scene.unchanged(owner.proc, async () => {
        same(await scene.database.renew([request]), ["renewed"], "renew");
      }),
    );
    await scene.left(both(owner), STILL_MIDDLE_MS, MIDDLE_MS);
  }),

  define(
    "R1 a renewal rewrites the record, and keeps the longer time",
    ["storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires({ ttlMs: LONG_MS });
      const stored = (await scene.database.readLockData("key")) ?? owner.lockData;
      const lockData = { ...stored, extendedAt: "2001-01-01T00:00:00.000Z" };
      await scene.database.renew([{ key: "key", lockData, ttlMs: SHORT_MS, livenessMs: 0 }]);
      same(await scene.database.readLockData("key"), lockData, "the record");
      await scene.left(both(owner), STILL_LONG_MS, LONG_MS);
    },
  ),

  define(
    "R1 a lock freed of its expiry by hand keeps none through a renewal and a repeated acquire",
    ["storage", "tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      const stored = await scene.storage.read(owner.lock);
      await scene.storage.write(owner.lock, stored ?? "", null);
      await owner.renews();
      await owner.acquires();
      same(await scene.storage.remainingMs(owner.lock), null, "the time left");
    },
  ),

  define(
    "R1 tryCreate sent again with a shorter time shortens nothing",
    ["storage"],
    async (scene) => {
      const { lockData, lock } = scene.owner();
      await scene.database.tryCreate("key", lockData, LONG_MS);
      await scene.database.tryCreate("key", lockData, SHORT_MS);
      await scene.left([lock], STILL_LONG_MS, LONG_MS);
    },
  ),

  define("R1 tryUpdate with a shorter time shortens nothing", ["storage"], async (scene) => {
    const { lockData, ownerHash, lock } = scene.owner();
    await scene.database.tryCreate("key", lockData, LONG_MS);
    await scene.database.tryUpdate("key", lockData, SHORT_MS, ownerHash);
    await scene.left([lock], STILL_LONG_MS, LONG_MS);
  }),

  define("R1 saveProcessData with a shorter time shortens nothing", ["storage"], async (scene) => {
    const { processHash, proc } = scene.owner();
    const processData = scene.database.createProcessData();
    await scene.database.saveProcessData(processHash, processData, LONG_MS);
    await scene.database.saveProcessData(processHash, processData, SHORT_MS);
    await scene.left([proc], STILL_LONG_MS, LONG_MS);
  }),

  define(
    "R1 several keys of which one is missing do not shorten the others",
    ["storage", "severalKeys"],
    async (scene) => {
      const owner = scene.owner(["a", "b"]);
      await owner.acquires({ ttlMs: LONG_MS });
      await scene.storage.remove("lock:b");
      await owner.acquires({ ttlMs: SHORT_MS });
      await scene.left(["lock:a", owner.proc], STILL_LONG_MS, LONG_MS);
      await scene.left(["lock:b"], 1, SHORT_MS);
    },
  ),

  define(
    "R1 several keys sent again are all lengthened",
    ["storage", "severalKeys"],
    async (scene) => {
      const owner = scene.owner(["a", "b"]);
      await owner.acquires({ ttlMs: SHORT_MS * 4 });
      await owner.acquires({ ttlMs: LONG_MS });
      await scene.left(["lock:a", "lock:b", owner.proc], STILL_LONG_MS, LONG_MS);
    },
  ),
];
