import { define, type Definition } from "./definition.ts";
import { TTL_MS } from "./scene.ts";
import { has, rejects, same } from "./verify.ts";

/** Several keys at once: all or none, in one step. */
export const severalKeys: readonly Definition[] = [
  define("several keys are had at once, or refused as a configuration error", [], async (scene) => {
    const owner = scene.owner(["a", "b"]);
    if (scene.database.capabilities.severalKeys) {
      await owner.acquires();
      await scene.holderIs("a", owner);
      await scene.holderIs("b", owner);
    } else {
      const refusal = { code: "LOCK_CONFIGURATION", option: "key" };
      await rejects(owner.acquire(), refusal, "acquire of two keys");
      await scene.holderIs("a", null);
    }
  }),

  define(
    "several keys: one that another holds refuses them all",
    ["severalKeys"],
    async (scene) => {
      for (const held of ["a", "b", "c"]) {
        const [holder, other] = [scene.owner(held), scene.owner(["a", "b", "c"])];
        await holder.acquires();
        const refused = { status: "held", key: held };
        has(await other.acquire(), refused, "acquire");
        for (const key of ["a", "b", "c"]) await scene.holderIs(key, key === held ? holder : null);
        same(
          await scene.database.readProcessData(other.processHash),
          null,
          "liveness of the refused",
        );
        await holder.releases("released");
      }
    },
  ),

  define(
    "several keys: the first of them that is held is the one shown",
    ["severalKeys"],
    async (scene) => {
      const holders = [scene.owner("b"), scene.owner("c")];
      for (const holder of holders) await holder.acquires();
      const lockData = await scene.database.readLockData("b");
      const refused = { status: "held", key: "b", lockData };
      has(await scene.owner(["a", "b", "c"]).acquire(), refused, "acquire");
    },
  ),

  define("several keys: sent again, they are the same success", ["severalKeys"], async (scene) => {
    const owner = scene.owner(["a", "b"]);
    const first = await owner.acquire();
    same(await owner.acquire(), first, "the second acquire");
    await owner.renews();
  }),

  define(
    "several keys: a late copy of its acquire gives away none that a holder still has, after one was forced",
    ["severalKeys", "tombstones"],
    async (scene) => {
      for (const [forced, kept] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        const [owner, other] = [scene.owner(["a", "b"]), scene.owner(kept)];
        await owner.acquires();
        const forcedHash = owner.ownerHashOf(forced) ?? "";
        same(await scene.database.forceDelete(forced, forcedHash), true, "forceDelete");
        same(await owner.acquire(), { status: "gone" }, "a late acquire");
        await scene.holderIs(kept, owner);
        has(await other.acquire(), { status: "held", key: kept }, "acquire by another");
        await scene.holderIs(forced, null);
        await owner.release();
        await scene.holderIs(kept, null);
      }
    },
  ),

  define(
    "several keys: a late copy of its acquire gives away none that a holder still has, when another is refused",
    ["severalKeys", "storage"],
    async (scene) => {
      for (const [lost, kept] of [
        ["a", "b"],
        ["b", "a"],
      ] as const) {
        const [owner, other] = [scene.owner(["a", "b"]), scene.owner(lost)];
        await owner.acquires();
        await scene.storage.remove(`lock:${lost}`);
        await other.acquires();
        has(await owner.acquire(), { status: "held", key: lost }, "a late acquire");
        await scene.holderIs(kept, owner);
        await scene.holderIs(lost, other);
        await scene.left([owner.proc], 1, TTL_MS);
        await owner.releases("held");
        await scene.absent(`lock:${kept}`, owner.proc);
        await other.releases("released");
      }
    },
  ),

  define(
    "several keys: sent again with one free, all are had under one new fence",
    ["severalKeys", "fences", "storage"],
    async (scene) => {
      for (const lost of ["a", "b"]) {
        const owner = scene.owner(["a", "b"]);
        await owner.acquires();
        const before = owner.fence ?? Infinity;
        await scene.storage.remove(`lock:${lost}`);
        await owner.acquires();
        same((owner.fence ?? 0) > before, true, "a higher fence");
        for (const key of ["a", "b"]) {
          same((await scene.database.readLockData(key))?.fence, owner.fence, `the fence of ${key}`);
        }
        await owner.renews();
        await owner.releases("released");
      }
    },
  ),

  define(
    "several keys: each is taken from a dead holder of its own",
    ["severalKeys"],
    async (scene) => {
      const dead = [await scene.deadOwner("a"), await scene.deadOwner("c")];
      const [early, heir] = [scene.owner(["a", "b", "c"]), scene.owner(["a", "b", "c"])];
      const suspects = dead.flatMap((owner) => owner.suspects).toReversed();
      const { status } = await early.acquire({ suspects: suspects.slice(0, 1) });
      same(status, "held", "acquire that suspects one of them");
      await scene.holderIs("c", dead[1] ?? null);
      has(await heir.acquire({ suspects }), { status: "granted", takenOver: "a" }, "takeover");
      for (const key of ["a", "b", "c"]) await scene.holderIs(key, heir);
      for (const owner of dead) same((await owner.acquire()).status, "gone", "acquire by the dead");
    },
  ),

  define(
    "several keys: a takeover that another key refuses takes nothing",
    ["severalKeys"],
    async (scene) => {
      const [dead, holder] = [await scene.deadOwner("a"), scene.owner("b")];
      await holder.acquires();
      const refused = await scene.owner(["a", "b"]).acquire({ suspects: dead.suspects });
      has(refused, { status: "held", key: "b" }, "acquire");
      await scene.holderIs("a", dead);
    },
  ),

  define(
    "several keys: contenders that name them in any order never share one",
    ["severalKeys"],
    async (scene) => {
      const contenders = [
        scene.owner(["a", "b", "c"]),
        scene.owner(["c", "b", "a"]),
        scene.owner(["b", "c", "a"]),
      ];
      const outcomes = await Promise.all(contenders.map((owner) => owner.acquire()));
      const won = contenders.filter((_, at) => outcomes[at]?.status === "granted");
      same(won.length, 1, "the number of winners");
      for (const key of ["a", "b", "c"]) await scene.holderIs(key, won[0] ?? null);
    },
  ),

  define(
    "several keys: a release frees them all, and says so again",
    ["severalKeys"],
    async (scene) => {
      const owner = scene.owner(["a", "b"]);
      await owner.acquires();
      await owner.releases("released");
      await scene.holderIs("a", null);
      await scene.holderIs("b", null);
      await owner.releases("released");
      same((await owner.acquire()).status, "gone", "a late acquire");
    },
  ),

  define(
    "several keys: a release that finds one missing is NO_KEY, and frees the others",
    ["severalKeys", "storage"],
    async (scene) => {
      for (const lost of ["a", "b"]) {
        const owner = scene.owner(["a", "b"]);
        await owner.acquires();
        await scene.storage.remove(`lock:${lost}`);
        await owner.releases("missing");
        await scene.absent("lock:a", "lock:b", owner.proc);
        await owner.releases("missing");
      }
    },
  ),

  define(
    "several keys: a release that finds one another's shows it, and frees the others",
    ["severalKeys", "storage"],
    async (scene) => {
      const [owner, other] = [scene.owner(["a", "b", "c"]), scene.owner("b")];
      await owner.acquires();
      await scene.storage.remove("lock:b");
      await scene.storage.remove("lock:c");
      await other.acquires();
      await owner.releases("held", await scene.database.readLockData("b"));
      await scene.absent("lock:a");
      await scene.holderIs("b", other);
    },
  ),

  define(
    "locks of several owners are renewed at once, each with an outcome of its own",
    [],
    async (scene) => {
      const [kept, lost, foreign] = [scene.owner("a"), scene.owner("b"), scene.owner("c")];
      await kept.acquires();
      await foreign.acquires();
      const requests = [lost, kept, foreign].map(({ claims: [{ key, lockData }], fence }) => ({
        key,
        lockData: fence === undefined ? lockData : { ...lockData, fence },
        ttlMs: TTL_MS,
        livenessMs: TTL_MS,
      }));
      same(await scene.database.renew(requests), ["lost", "renewed", "renewed"], "renew");
      same(await scene.database.renew([]), [], "renewal of nothing");
      await scene.holderIs("b", null);
    },
  ),
];
