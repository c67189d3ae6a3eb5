import { define, type Definition } from "./definition.ts";
import type { StoredName } from "./raw-storage.ts";
import { TTL_MS, type Scene } from "./scene.ts";
import { between, has, rejects, same } from "./verify.ts";

const HELD = { status: "held", lockData: null };
const SOMEONE_ELSE = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: null };

const GARBAGE: Readonly<Record<string, string>> = {
  text: "held by hand",
  "a number": "1",
  "JSON null": "null",
  "a JSON string": '"key@test/1.2.0"',
  "an empty JSON array": "[]",
  "an array of records": '[{"ownerHash":"key@test/1.2.0","processHash":"test/1.2"}]',
  "an empty JSON object": "{}",
  "cut JSON": '{"ownerHash":"key@test/1.2.0","processHash":"te',
  "a record without process hash": '{"ownerHash":"key@test/1.2.0"}',
  "a record without owner hash": '{"processHash":"test/1.2"}',
  "hashes that are numbers": '{"ownerHash":1,"processHash":2}',
  "an owner hash that is a number": '{"ownerHash":1,"processHash":"test/1.2"}',
  "a record with a NaN": '{"ownerHash":"key@test/1.2.0","processHash":"test/1.2","fence":NaN}',
  "a record with a hexadecimal number":
    '{"ownerHash":"key@test/1.2.0","processHash":"test/1.2","fence":0x10}',
  "a record with a leading zero": '{"ownerHash":"key@o/1.2.0","processHash":"o/1.2","fence":01}',
  "a record with a bare line break": '{"ownerHash":"key@o/1.2.0\n","processHash":"o/1.2"}',
  "a record followed by more": '{"ownerHash":"key@test/1.2.0","processHash":"test/1.2"} more',
  "deeply nested JSON": "[".repeat(5_000) + "]".repeat(5_000),
};

/** What looks like a record of one's own, but is none: the rest of it follows the owner hash. */
const ALMOST_OWN: Readonly<Record<string, string>> = {
  "no process hash": "}",
  "a process hash of null": ',"processHash":null}',
  "a missing end": ',"processHash":"test/1.2"',
  "more behind it": ',"processHash":"test/1.2"} {}',
};

/** What holds for everything at a lock key that is no lock record. */
async function isHeldBySomeone(scene: Scene): Promise<void> {
  const { database } = scene;
  const owner = scene.owner();
  const { lockData, ownerHash } = owner;
  has(await owner.acquire(), HELD, "acquire");
  has(await owner.acquire({ suspects: scene.owner().suspects }), HELD, "acquire with a suspicion");
  has(await database.tryCreate("key", lockData, TTL_MS), SOMEONE_ELSE, "tryCreate");
  has(await database.tryUpdate("key", lockData, TTL_MS, ownerHash), SOMEONE_ELSE, "tryUpdate");
  has(await database.tryDelete("key", ownerHash), SOMEONE_ELSE, "tryDelete");
  same(await database.readLockData("key"), null, "readLockData");
  await database.saveProcessData(owner.processHash, database.createProcessData(), TTL_MS);
  await owner.isLost();
  await owner.releases("held", null);
  same(await database.forceDelete("key", scene.owner().ownerHash), false, "forceDelete");
}

async function canBeForced({ database }: Scene): Promise<void> {
  // A database of primitives has none for this.
  const expected = database.capabilities.tombstones;
  same(await database.forceDelete("key", null), expected, "forceDelete without an owner");
}

async function endsItsOwner(
  scene: Scene,
  write: (name: StoredName) => Promise<void>,
): Promise<void> {
  const owner = scene.owner();
  await owner.acquires();
  await write(owner.gone);
  await owner.releases("released");
  await scene.storage.remove(owner.gone);
  await write(owner.gone);
  same(await owner.acquire(), { status: "gone" }, "acquire");
  same(await scene.database.forceDelete("key", owner.ownerHash), false, "forceDelete");
}

/** R7: what is no record at our key is held by someone unreadable: never free, never a crash. */
export const garbage: readonly Definition[] = [
  ...Object.entries(GARBAGE).map(([what, text]) =>
    define(`R7 ${what} at a lock key is held by someone, and stays`, ["storage"], async (scene) => {
      await scene.storage.write("lock:key", text, null);
      await isHeldBySomeone(scene);
      same(await scene.storage.read("lock:key"), text, "what is at the lock key");
      same(await scene.storage.remainingMs("lock:key"), null, "the time left");
      await canBeForced(scene);
    }),
  ),

  ...Object.entries(ALMOST_OWN).map(([what, rest]) =>
    define(
      `R7 a record of one's own but for ${what} is not one's own`,
      ["storage"],
      async (scene) => {
        const owner = scene.owner();
        const { database } = scene;
        const { lockData, ownerHash } = owner;
        const text = `{"ownerHash":${JSON.stringify(ownerHash)}${rest}`;
        await scene.storage.write("lock:key", text, null);
        has(await owner.acquire(), HELD, "acquire");
        has(await database.tryCreate("key", lockData, TTL_MS), SOMEONE_ELSE, "tryCreate");
        has(
          await database.tryUpdate("key", lockData, TTL_MS, ownerHash),
          SOMEONE_ELSE,
          "tryUpdate",
        );
        has(await database.tryDelete("key", ownerHash), SOMEONE_ELSE, "tryDelete");
        same(await database.forceDelete("key", ownerHash), false, "forceDelete");
        await owner.releases("held", null);
        same(await scene.storage.read("lock:key"), text, "what is at the lock key");
        await canBeForced(scene);
      },
    ),
  ),

  define(
    "R7 what is no text at a lock key is held by someone, and stays",
    ["storage", "noText"],
    async (scene) => {
      await scene.storage.writeNoText?.("lock:key");
      await isHeldBySomeone(scene);
      same(await scene.storage.remainingMs("lock:key"), null, "the time left");
    },
  ),

  define("R7 the empty text at a lock key counts as absent", ["storage"], async (scene) => {
    const { database } = scene;
    const owner = scene.owner();
    const { lockData, ownerHash } = owner;
    const noKey = { status: "NO_KEY", lockData: null };
    await scene.storage.write("lock:key", "", null);
    same(await database.inspect("key"), null, "inspect");
    same(await database.readLockData("key"), null, "readLockData");
    same(await database.tryUpdate("key", lockData, TTL_MS, ownerHash), noKey, "tryUpdate");
    same(await database.tryDelete("key", ownerHash), noKey, "tryDelete");
    same(await database.forceDelete("key", null), false, "forceDelete");
    await owner.isLost();
    await scene.owner().releases("missing");
    await owner.acquires();
    await scene.storage.write("lock:key", "", null);
    const created = await database.tryCreate("key", scene.owner().lockData, TTL_MS);
    same(created.status, "SUCCESS", "tryCreate");
    await scene.left(["lock:key"], 1, TTL_MS);
  }),

  define(
    "R7 an inspection shows what is no record as held, with its time left",
    ["storage", "remainingMs"],
    async (scene) => {
      await scene.storage.write("lock:key", "held by hand", TTL_MS);
      const seen = await scene.database.inspect("key");
      has(seen, { lockData: null, alive: true }, "inspect");
      between(seen?.remainingMs, 1, TTL_MS, "remainingMs of the inspection");
      const refused = await scene.owner().acquire();
      const refusedMs = "remainingMs" in refused ? refused.remainingMs : undefined;
      between(refusedMs, 1, TTL_MS, "remainingMs of the refusal");
    },
  ),

  define(
    "R7 forceDelete without an owner removes what is no record",
    ["storage", "tombstones"],
    async (scene) => {
      await scene.storage.write("lock:key", "held by hand", null);
      same(await scene.database.forceDelete("key", null), true, "forceDelete");
      await scene.owner().acquires();
    },
  ),

  define(
    "R7 a holder's record with fields of wrong types is respected",
    ["storage"],
    async (scene) => {
      const stored = { ownerHash: "key@o/1.2.0", processHash: "o/1.2", trace: 5, livenessMs: [1] };
      await scene.storage.write("lock:key", JSON.stringify(stored), null);
      has(await scene.owner().acquire(), { status: "held" }, "acquire");
      const lockData = await scene.database.readLockData("key");
      has(lockData, { ownerHash: "key@o/1.2.0", processHash: "o/1.2" }, "readLockData");
      same(
        [lockData?.trace, lockData?.livenessMs],
        [undefined, undefined],
        "fields of wrong types",
      );
    },
  ),

  define("R7 a record with fields we do not know is a record", ["storage"], async (scene) => {
    const owner = scene.owner();
    const stored = { ...owner.lockData, pid: 5, more: { deep: [1] } };
    await scene.storage.write("lock:key", JSON.stringify(stored), TTL_MS);
    same((await scene.database.readLockData("key"))?.ownerHash, owner.ownerHash, "the holder");
    const deleted = await scene.database.tryDelete("key", owner.ownerHash);
    same(deleted, { status: "SUCCESS", lockData: null }, "tryDelete");
  }),

  define(
    "R7 one of several keys that is no record refuses them all",
    ["storage", "severalKeys"],
    async (scene) => {
      await scene.storage.write("lock:b", "held by hand", null);
      has(await scene.owner(["a", "b"]).acquire(), { ...HELD, key: "b" }, "acquire");
      await scene.absent("lock:a");
    },
  ),

  define(
    "R7 what is no liveness record keeps its process alive, and is not read as one",
    ["storage", "tombstones"],
    async (scene) => {
      const owner = scene.owner();
      await owner.acquires();
      await scene.storage.write(owner.proc, "alive by hand", TTL_MS);
      same(await scene.database.readProcessData(owner.processHash), null, "readProcessData");
      const refused = await scene.owner().acquire({ suspects: owner.suspects });
      has(refused, { status: "held" }, "acquire with a suspicion");
      await owner.renews();
      same(
        (await scene.database.readProcessData(owner.processHash)) === null,
        false,
        "after a renewal",
      );
    },
  ),

  define(
    "R7 what is no tombstone ends its owner hash, and lets a release be answered",
    ["storage", "tombstones"],
    (scene) => endsItsOwner(scene, (name) => scene.storage.write(name, "by hand", TTL_MS)),
  ),

  define(
    "R7 what is no text at a tombstone ends its owner hash, too",
    ["storage", "noText", "tombstones"],
    (scene) => endsItsOwner(scene, async (name) => scene.storage.writeNoText?.(name)),
  ),

  define(
    "R7 a counter that is no integer below 2⁵³ − 1 refuses an acquire for certain, and nothing is left",
    ["storage", "fences"],
    async (scene) => {
      const beyond = ["9007199254740991", "9007199254740992", "9223372036854775807"];
      for (const text of ["many", "", "1.5", ...beyond]) {
        await scene.storage.write("fence", text, null);
        const owner = scene.owner();
        await rejects(owner.acquire(), { applied: "no", retriable: false }, `acquire at "${text}"`);
        await scene.absent(owner.lock, owner.proc);
      }
    },
  ),
];
