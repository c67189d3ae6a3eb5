import { expect, it } from "vitest";
import { LockService, type JobEntry, type LockEntry } from "../../src/index.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

type Entries = (LockEntry | JobEntry)[];

/** By key; each once, as SCAN may show one twice while the keys of the other tests come and go. */
async function all(listing: AsyncIterable<LockEntry | JobEntry>): Promise<Entries> {
  const entries = new Map<string, LockEntry | JobEntry>();
  for await (const entry of listing) entries.set(`${entry.kind} ${entry.key}`, entry);
  return [...entries.values()].toSorted((one, other) => (one.key < other.key ? -1 : 1));
}

/** Keys of somebody else, more than one command looks at. */
async function crowd(rest: Rest, count = 5_000): Promise<() => Promise<void>> {
  const names = Array.from({ length: count }, (_, at) => `${rest.prefix}foreign:${at}`);
  await rest.command("MSET", ...names.flatMap((name) => [name, "foreign"]));
  return async () => void (await rest.command("DEL", ...names));
}

it("lists locks and jobs as inspect and recall see them", async () => {
  const rest = rests.open();
  const locks = rest.locks({ keyPrefix: "[shop]*" });
  const lock = await locks.acquire("a", { trace: "of a test" });
  await locks.once("b", () => "a result");
  const other = await rest.locks().acquire("not of this shop");
  const [held, job, ...others] = await all(locks.list());
  const remainingMs: unknown = expect.any(Number);
  expect(held).toEqual({ kind: "lock", key: "a", ...(await locks.inspect("a")), remainingMs });
  expect(held).toMatchObject({ holder: lock.token, trace: "of a test", fence: lock.fence });
  const { completedAt } = (await locks.recall("b")) ?? {};
  expect(job).toEqual({
    kind: "job",
    key: "b",
    completedAt: completedAt?.toISOString(),
    fence: expect.any(Number),
    hasResult: true,
    bytes: expect.any(Number),
    remainingMs,
  });
  expect(others).toEqual([]);
  await Promise.all([lock.release(), other.release()]);
});

it("stops after maxCommands, says how far it came, and goes on from there", async () => {
  const rest = rests.open();
  const clear = await crowd(rest);
  const lock = await rest.locks().acquire("a");
  const seen = new Set<string>();
  let cursor: string | null | undefined;
  let rounds = 0;
  do {
    rest.session.counters.reset();
    const listing = rest.locks().list({ maxCommands: 1, ...(cursor ? { cursor } : {}) });
    for await (const { key } of listing) seen.add(key);
    expect([rest.session.counters.commands, listing.commands]).toEqual([1, 1]);
    ({ cursor } = listing);
    rounds += 1;
  } while (cursor !== null);
  expect([...seen]).toEqual(["a"]);
  expect(rounds).toBeGreaterThan(2);
  await lock.release();
  await clear();
});

it("who leaves in the middle of a page goes on with the same page", async () => {
  const rest = rests.open();
  const held = await rest.locks().acquire(["a", "b", "c"]);
  const listing = rest.locks().list();
  for await (const { key } of listing) {
    expect(key).toBeTypeOf("string");
    break;
  }
  expect(await all(listing)).toMatchObject([{ key: "a" }, { key: "b" }, { key: "c" }]);
  expect(listing.cursor).toBeNull();
  await held.release();
});

it("never sends KEYS, and asks of the server one script a page", async () => {
  const rest = rests.open();
  const clear = await crowd(rest, 3_000);
  rest.session.counters.reset();
  await all(rest.locks().list());
  expect(Object.keys(rest.session.counters.byScript)).toEqual(["list"]);
  await clear();
});

it("carries no result of a job over the wire", async () => {
  const rest = rests.open();
  const secret = "secret".repeat(30_000);
  await rest.locks().once("a", () => ({ "x,": secret }), { fingerprint: 'f,"result":"x' });
  // It may be on any page: there are the keys of the other tests, too.
  let page = await rest.database().list();
  while (page.entries.length === 0 && page.cursor !== null) {
    page = await rest.database().list({ cursor: page.cursor });
  }
  expect(JSON.stringify(page)).not.toContain("secret");
  expect(page.entries).toMatchObject([{ kind: "job", key: "a", hasResult: true }]);
  expect(page.entries[0]).toMatchObject({ record: { fingerprint: 'f,"result":"x' } });
});

it("works under keyLocking, whose scripts name all their keys", async () => {
  const rest = rests.open();
  expect(await all(rest.locks({ database: rest.database({ keyLocking: true }) }).list())).toEqual(
    [],
  );
});

it("names the backend that cannot, before anything is sent", () => {
  const locks = new LockService({ database: new MinimalDatabase() });
  expect(() => locks.list()).toThrow(/database: MinimalDatabase cannot list its locks/);
  expect(() =>
    rests
      .open()
      .locks()
      .list({ max: 1 } as object),
  ).toThrow(/maxCommands/);
});
