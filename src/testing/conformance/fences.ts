import { define, type Definition } from "./definition.ts";
import { TTL_MS, type Owner, type Scene } from "./scene.ts";
import { between, has, same } from "./verify.ts";

/** Close below 2⁵³: the next few are exact as doubles, but not in every way of writing them. */
const LARGE = 9_007_199_254_740_980;
/** Ahead of every clock, and not beyond what one may show: below 2⁵². */
const AHEAD = 4_000_000_000_000_000;
const HOUR = 3_600_000_000;

/** What the clock of this client makes the first fence of a counter that is absent. */
function clockFence(scene: Scene): number {
  return Date.parse(scene.owner().lockData.acquiredAt) * 1000;
}

async function draw(scene: Scene, key: string): Promise<number> {
  const owner = scene.owner(key);
  await owner.acquires();
  return fenceOf(owner);
}

function fenceOf({ fence }: Owner): number {
  between(fence, 1, Number.MAX_SAFE_INTEGER, "a fence");
  return fence ?? 0;
}

function rises(fences: readonly number[]): void {
  const risen = fences.filter((fence, at) => at === 0 || fence > (fences[at - 1] ?? Infinity));
  same(risen, fences, "fences that only rise");
}

/** R6: fences order the holders, whatever happens to the counter. */
export const fences: readonly Definition[] = [
  define("R6 every acquisition, of any key, gets a higher fence", ["fences"], async (scene) => {
    const drawn = [await draw(scene, "a"), await draw(scene, "b")];
    const owner = scene.owner("c");
    await owner.acquires();
    drawn.push(fenceOf(owner));
    await owner.releases("released");
    drawn.push(await draw(scene, "c"));
    rises(drawn);
  }),

  define("R6 the fence of an acquisition is the one in its record", ["fences"], async (scene) => {
    const owner = scene.owner();
    await owner.acquires();
    same((await scene.database.readLockData("key"))?.fence, fenceOf(owner), "the fence stored");
    await owner.renews();
    same((await scene.database.readLockData("key"))?.fence, fenceOf(owner), "the fence renewed");
  }),

  define("R6 acquisitions at the same time get different fences", ["fences"], async (scene) => {
    const keys = Array.from({ length: 20 }, (_, at) => `key-${at}`);
    const drawn = await Promise.all(keys.map((key) => draw(scene, key)));
    same(new Set(drawn).size, keys.length, "the number of different fences");
  }),

  define(
    "R6 a takeover gets a higher fence than the one it takes from",
    ["fences"],
    async (scene) => {
      const [dead, heir] = [await scene.deadOwner(), scene.owner()];
      await heir.acquires({ suspects: dead.suspects });
      rises([fenceOf(dead), fenceOf(heir)]);
    },
  ),

  define(
    "R6 a refusal and an acquire sent again draw no fence",
    ["fences", "storage"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await scene.unchanged("fence", async () => {
        await scene.owner().acquire();
        await owner.acquire();
      });
    },
  ),

  define("R6 a counter that is there is never reset", ["fences", "storage"], async (scene) => {
    await scene.storage.write("fence", "7", null);
    same(await draw(scene, "a"), 8, "the next fence");
    same(await draw(scene, "b"), 9, "the one after it");
    same(await scene.storage.read("fence"), "9", "the counter");
  }),

  define(
    "R6 a counter that is absent starts at the client's clock, and does not expire",
    ["fences", "storage"],
    async (scene) => {
      await scene.storage.remove("fence");
      const first = clockFence(scene);
      between(await draw(scene, "a"), first, first + HOUR, "the first fence");
      same(await scene.storage.remainingMs("fence"), null, "the time left of the counter");
    },
  ),

  define(
    "R6 after data loss fences go on above the highest one drawn",
    ["fences", "storage"],
    async (scene) => {
      await scene.storage.write("fence", String(AHEAD), null);
      const before = await draw(scene, "a");
      await scene.storage.remove("fence");
      rises([before, await draw(scene, "b")]);
    },
  ),

  define(
    "R6 a counter that lags behind, as after a failover, goes on above the highest fence drawn",
    ["fences", "storage"],
    async (scene) => {
      const before = await draw(scene, "a");
      await scene.storage.write("fence", String(before - 5), null);
      const next = await draw(scene, "b");
      same(next, before + 1, "the next fence");
      same(await scene.storage.read("fence"), String(next), "the counter");
      same(await scene.storage.remainingMs("fence"), null, "the time left of the counter");
    },
  ),

  define(
    "R6 after data loss fences go on above that of a holder met",
    ["fences", "storage"],
    async (scene) => {
      const { lockData } = scene.owner("a");
      const record = JSON.stringify({ ...lockData, fence: AHEAD });
      await scene.storage.write("lock:a", record, TTL_MS);
      has(await scene.owner("a").acquire(), { status: "held" }, "acquire");
      await scene.storage.remove("fence");
      rises([AHEAD, await draw(scene, "b")]);
    },
  ),

  define(
    "R6 a fence in a record that no clock begins, or that is no number, moves no counter",
    ["fences", "storage"],
    async (scene) => {
      const absurd = [9_000_000_000_000_000, 2 ** 52 + 1, String(AHEAD), AHEAD + 0.5];
      await scene.storage.write("fence", "7", null);
      for (const [at, fence] of absurd.entries()) {
        const record = JSON.stringify({ ...scene.owner("a").lockData, fence });
        await scene.storage.write("lock:a", record, TTL_MS);
        has(await scene.owner("a").acquire(), { status: "held" }, "acquire");
        same(await draw(scene, `b-${at}`), 8 + at, "the next fence");
      }
      await scene.storage.remove("fence");
      const first = clockFence(scene);
      between(await draw(scene, "c"), first, first + HOUR, "the first fence");
    },
  ),

  define("R6 large fences are exact everywhere", ["fences", "storage"], async (scene) => {
    await scene.storage.write("fence", String(LARGE), null);
    const owner = scene.owner();
    await owner.acquires();
    same(owner.fence, LARGE + 1, "the fence drawn");
    same((await scene.database.readLockData("key"))?.fence, LARGE + 1, "the fence stored");
    const again = { status: "granted", fence: LARGE + 1, takenOver: undefined };
    same(await owner.acquire(), again, "acquire sent again");
    const refused = await scene.owner().acquire();
    same("lockData" in refused && refused.lockData?.fence, LARGE + 1, "the fence of the holder");
    await owner.renews();
    await owner.isLost({ fence: LARGE });
    await owner.isLost({ fence: LARGE + 2 });
    await owner.releases("released");
    const next = scene.owner();
    await next.acquires();
    same((await next.release(LARGE + 1)).status, "missing", "a release under the fence before");
  }),
];
