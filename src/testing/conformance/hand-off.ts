import { define, type Definition } from "./definition.ts";
import { Run } from "./job.ts";
import { TTL_MS, type Owner, type Scene } from "./scene.ts";
import { has, same } from "./verify.ts";

const GONE = { status: "gone" };

/** A holder, and who is to attach its lock. */
async function handingOff(
  scene: Scene,
  keys: string | readonly [string, ...string[]] = "key",
): Promise<{ readonly old: Owner; readonly heir: Owner }> {
  const old = scene.owner(keys);
  await old.acquires();
  return { old, heir: scene.owner(keys) };
}

/** Fails unless the lock is not for this heir, and its holder keeps it. */
async function isRefused(scene: Scene, heir: Owner, old: Owner, holder: Owner): Promise<void> {
  has(await heir.acquire({ handedOff: old.handedOff }), { status: "held" }, "attach");
  await scene.holderIs("key", holder);
  await holder.renews();
}

/** A lock that passes from one owner to the next while it is held: one command, and an acquisition. */
export const handOff: readonly Definition[] = [
  define(
    "hand-off: the heir gets a higher fence, and the old owner has nothing left",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      const outcome = await heir.acquire({ handedOff: old.handedOff });
      has(outcome, { status: "granted", takenOver: undefined }, "attach");
      same((heir.fence ?? 0) > (old.fence ?? 0), true, "whether the fence is higher");
      await scene.holderIs("key", heir);
      await old.isLost();
      has(await old.release(), { status: "held", isTaken: true }, "release of the old owner");
      await heir.renews();
      await heir.releases("released");
      same(await old.acquire(), GONE, "a late acquire of the old owner");
      await scene.holderIs("key", null);
    },
  ),

  define(
    "hand-off: nothing is left of the old owner but its tombstone, and the time is the heir's",
    ["handOff", "storage"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await heir.acquires({ ttlMs: 5_000, handedOff: old.handedOff });
      await scene.absent(old.proc);
      await scene.left([heir.lock, heir.proc], 1, 5_000);
      same(await scene.storage.read(old.gone), "taken", "the old owner's tombstone");
      same(await scene.storage.read(heir.gone), "granted", "the heir's tombstone");
    },
  ),

  define("hand-off: of several at the same time one attaches", ["handOff"], async (scene) => {
    const { old } = await handingOff(scene);
    const heirs = Array.from({ length: 5 }, () => scene.owner());
    const { handedOff } = old;
    const outcomes = await Promise.all(heirs.map((heir) => heir.acquire({ handedOff })));
    const won = heirs.filter((_, at) => outcomes[at]?.status === "granted");
    same(won.length, 1, "the number of winners");
    await scene.holderIs("key", won[0] ?? null);
  }),

  define("hand-off: an attach sent again finds itself", ["handOff"], async (scene) => {
    const { old, heir } = await handingOff(scene);
    await heir.acquires({ handedOff: old.handedOff });
    const { fence } = heir;
    await heir.acquires({ handedOff: old.handedOff });
    same(heir.fence, fence, "the fence");
    await heir.renews();
  }),

  define(
    "hand-off: a second attach is refused, while the first holds the lock and afterwards",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      const { handedOff } = old;
      await heir.acquires({ handedOff });
      await isRefused(scene, scene.owner(), old, heir);
      await heir.releases("released");
      const late = scene.owner();
      same(await late.acquire({ handedOff }), GONE, "attach");
      await scene.holderIs("key", null);
      await scene.owner().acquires();
    },
  ),

  define(
    "hand-off: an attach sent again after its own end creates nothing",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await heir.acquires({ handedOff: old.handedOff });
      await heir.releases("released");
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      await scene.holderIs("key", null);
    },
  ),

  define(
    "hand-off: an attach delivered after its rollback leaves the lock to the old owner",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await heir.releases("held");
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      await scene.holderIs("key", old);
      await old.renews();
      await scene.owner().acquires({ handedOff: old.handedOff });
    },
  ),

  define(
    "hand-off: a lock that was released or forced is not there to attach",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await old.releases("released");
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      const forced = scene.owner();
      await forced.acquires();
      same(await scene.database.forceDelete("key", forced.ownerHash), true, "forceDelete");
      same(await heir.acquire({ handedOff: forced.handedOff }), GONE, "attach");
      await scene.holderIs("key", null);
      const next = scene.owner();
      await next.acquires();
      await isRefused(scene, scene.owner(), forced, next);
    },
  ),

  define(
    "hand-off: a lock that has expired is not there to attach",
    ["handOff", "storage"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await scene.storage.remove(old.lock);
      await scene.storage.remove(old.proc);
      await scene.storage.remove(old.gone);
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      await scene.absent(heir.lock, heir.proc);
    },
  ),

  define(
    "hand-off: a holder whose liveness has ended hands nothing off",
    ["handOff", "storage"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      await scene.storage.remove(old.proc);
      has(await heir.acquire({ handedOff: old.handedOff }), { status: "held" }, "attach");
      await scene.holderIs("key", old);
      await scene.owner().acquires({ suspects: old.suspects });
    },
  ),

  define(
    "hand-off: another fence than the holder's attaches nothing",
    ["handOff"],
    async (scene) => {
      const { old, heir } = await handingOff(scene);
      const handedOff = old.handedOff.map((one) => ({ ...one, fence: one.fence - 1 }));
      has(await heir.acquire({ handedOff }), { status: "held" }, "attach");
      await scene.holderIs("key", old);
      await old.renews();
    },
  ),

  define(
    "hand-off: another owner or process than the holder's attaches nothing",
    ["handOff"],
    async (scene) => {
      const { old } = await handingOff(scene);
      const another = scene.owner("another key");
      await another.acquires();
      const { ownerHash, processHash } = another;
      for (const other of [{ ownerHash }, { processHash }]) {
        const handedOff = old.handedOff.map((one) => ({ ...one, ...other }));
        has(await scene.owner().acquire({ handedOff }), { status: "held" }, "attach");
      }
      await scene.holderIs("key", old);
      await old.renews();
    },
  ),

  define(
    "hand-off: several keys pass together, under one fence",
    ["handOff", "severalKeys"],
    async (scene) => {
      const { old, heir } = await handingOff(scene, ["a", "b"]);
      await heir.acquires({ handedOff: old.handedOff });
      await scene.holderIs("a", heir);
      await scene.holderIs("b", heir);
      await heir.renews();
      await old.isLost();
      await heir.releases("released");
    },
  ),

  define(
    "hand-off: of several keys none passes when one is free",
    ["handOff", "severalKeys"],
    async (scene) => {
      const { old, heir } = await handingOff(scene, ["a", "b"]);
      await scene.database.forceDelete("b", old.ownerHashOf("b") ?? "");
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      await scene.holderIs("a", old);
      await scene.holderIs("b", null);
      same(await old.renew(), ["renewed", "lost"], "renewal of the old owner");
    },
  ),

  define(
    "hand-off: an attach of several keys sent again takes none that has become free",
    ["handOff", "severalKeys", "storage"],
    async (scene) => {
      const { old, heir } = await handingOff(scene, ["a", "b"]);
      await heir.acquires({ handedOff: old.handedOff });
      await scene.storage.remove("lock:b");
      same(await heir.acquire({ handedOff: old.handedOff }), GONE, "attach");
      await scene.holderIs("a", heir);
      await scene.holderIs("b", null);
    },
  ),

  define(
    "hand-off: a job is completed by who attached it, and by nobody else",
    ["handOff", "results"],
    async (scene) => {
      const [first, second] = [new Run(scene), new Run(scene)];
      await first.isAdmitted();
      await second.owner.acquires({ ttlMs: TTL_MS, handedOff: first.owner.handedOff });
      await first.isRefused("held");
      await second.completes();
      await first.isRefused("missing");
      await new Run(scene).finds(second);
    },
  ),
];
