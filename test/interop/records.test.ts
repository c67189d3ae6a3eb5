import { describe, expect, it } from "vitest";
import { take } from "../locker/lockers.ts";
import { takeAsOriginal, useSharedRedis } from "./interop.ts";

const shared = useSharedRedis();

describe("readOwnerHashStatus understands the other's owner hashes", () => {
  it.each([undefined, "a trace", "1/2.3.4#5"])("while they run, with trace %o", async (trace) => {
    const { scene, original } = shared.open();
    const [locker, other] = [scene.locker(), original()];
    const theirs = await takeAsOriginal(other, "theirs@x/1", trace);
    const ours = (await take(locker, "ours@x/1", trace)).lockData;
    const running = { status: "RUNNING", lockData: theirs, key: "theirs@x/1" };
    expect(await locker.readOwnerHashStatus(theirs.ownerHash)).toEqual(running);
    expect(await other.readOwnerHashStatus(theirs.ownerHash)).toEqual(running);
    const alsoRunning = { status: "RUNNING", lockData: ours, key: "ours@x/1" };
    expect(await other.readOwnerHashStatus(ours.ownerHash)).toEqual(alsoRunning);
    expect(await locker.readOwnerHashStatus(ours.ownerHash)).toEqual(alsoRunning);
    await other.release("theirs@x/1", theirs);
    await locker.release("ours@x/1", ours);
  });

  it("of ours whose trace contains an @, which the record keeps", async () => {
    const { scene, original } = shared.open();
    const [locker, other] = [scene.locker(), original()];
    const trace = "ann@example.com for bob@x/1.2.3";
    const { lockData } = await take(locker, "ours@x/1", trace);
    expect(lockData.trace).toBe(trace);
    const running = { status: "RUNNING", lockData, key: "ours@x/1" };
    expect(await other.readOwnerHashStatus(lockData.ownerHash)).toEqual(running);
    expect(await locker.readOwnerHashStatus(lockData.ownerHash)).toEqual(running);
    await locker.release("ours@x/1", lockData);
  });

  it("when they are dead, gone or superseded", async () => {
    const { scene, original } = shared.open();
    const [locker, other, late] = [scene.locker(), original(), original()];
    const statuses = async (hash: string): Promise<string[]> => [
      (await locker.readOwnerHashStatus(hash)).status,
      (await late.readOwnerHashStatus(hash)).status,
    ];
    const theirs = await takeAsOriginal(other);
    await other.die();
    expect(await statuses(theirs.ownerHash)).toEqual(["NO_RUNNING_PROCESS", "NO_RUNNING_PROCESS"]);
    const ours = (await take(locker)).lockData;
    const superseded = ["SOMEONE_ELSE_HOLDS_LOCK", "SOMEONE_ELSE_HOLDS_LOCK"];
    expect(await statuses(theirs.ownerHash)).toEqual(superseded);
    await scene.stored().killHolder();
    expect(await statuses(ours.ownerHash)).toEqual(["NO_RUNNING_PROCESS", "NO_RUNNING_PROCESS"]);
    const next = await takeAsOriginal(late);
    expect(await statuses(ours.ownerHash)).toEqual(superseded);
    await late.release("a", next);
    expect(await statuses(ours.ownerHash)).toEqual(["NO_KEY", "NO_KEY"]);
    expect(await statuses("a")).toEqual(["MALFORMED_OWNER_HASH", "MALFORMED_OWNER_HASH"]);
    await locker.release("a", ours);
  });
});

describe("fields the other does not know", () => {
  it("of ours do not affect reads, extensions or releases of distributed-locker", async () => {
    const { scene, original } = shared.open();
    const locker = scene.locker();
    const { lockData } = await take(locker);
    expect(lockData).toMatchObject({ fence: expect.any(Number) });
    const other = original();
    expect(await other.readLockData("a")).toEqual(lockData);
    // Anyone with the record may release and extend it, whatever other fields it has.
    expect((await other.extend("a", { ...lockData })).status).toBe("SUCCESS");
    expect((await other.release("a", { ...lockData })).status).toBe("SUCCESS");
    await scene.del(scene.procName(lockData.processHash));
  });

  it("in a record of another version of distributed-locker do not affect us", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    const strange = { ...record, acquiredAt: 17, extendedAt: null, pid: { a: [1] }, fence: "no" };
    const text = JSON.stringify(strange);
    await scene.rest.command("SET", scene.stored().name, text, "KEEPTTL");
    const locker = scene.locker();
    const lockData = {
      ownerHash: record.ownerHash,
      processHash: record.processHash,
      acquiredAt: "",
      extendedAt: "",
    };
    const refused = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData };
    expect(await locker.acquire("a")).toEqual(refused);
    expect(await scene.rest.locks().isLocked("a")).toBe(true);
    expect(await scene.rest.command("GET", scene.stored().name)).toBe(text);
    await other.die();
    const taken = await take(locker);
    await locker.release("a", taken.lockData);
  });

  it("and missing ones: a record of just two hashes is held while its process reports", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const { ownerHash, processHash } = await takeAsOriginal(other);
    const text = JSON.stringify({ ownerHash, processHash });
    await scene.rest.command("SET", scene.stored().name, text);
    const locker = scene.locker();
    expect((await locker.acquire("a")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    expect(await locker.readOwnerHashStatus(ownerHash)).toMatchObject({ status: "RUNNING" });
    await other.die();
    const { lockData } = await take(locker);
    await locker.release("a", lockData);
  });

  it("the empty string counts as a free key for both", async () => {
    const { scene, original } = shared.open();
    const [locker, other] = [scene.locker(), original()];
    await scene.rest.command("SET", scene.stored().name, "");
    expect(await locker.readLockData("a")).toBe("maybe_unlocked");
    await other.release("a", await takeAsOriginal(other));
    await scene.rest.command("SET", scene.stored().name, "");
    await locker.release("a", (await take(locker)).lockData);
  });

  it("a lock without expiry counts as held for both while its process reports, and is taken over after", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    await scene.rest.command("PERSIST", scene.stored().name);
    const locker = scene.locker();
    expect((await locker.acquire("a")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    await other.die();
    const { lockData } = await take(locker);
    expect(lockData.ownerHash).not.toBe(record.ownerHash);
    expect(await scene.stored().pttl()).toBeGreaterThan(0);
    await locker.release("a", lockData);
  });
});

describe("releases never remove the other's lock", () => {
  it("of a stale record of ours", async () => {
    const { scene, original } = shared.open();
    const [locker, other] = [scene.locker(), original()];
    const stale = (await take(locker)).lockData;
    await scene.stored().killHolder();
    const record = await takeAsOriginal(other);
    const refused = { status: "SOMEONE_ELSE_HOLDS_LOCK", lockData: record };
    expect(await locker.release("a", stale)).toEqual(refused);
    expect(await scene.locker().release("a", stale)).toEqual(refused);
    expect(await other.isHeld("a", record)).toBe(true);
    expect(await other.readLockData("a")).toEqual(record);
    await other.release("a", record);
  });

  it("of a stale record of distributed-locker", async () => {
    const { scene, original } = shared.open();
    const [locker, other, late] = [scene.locker(), original(), original()];
    const stale = await takeAsOriginal(other);
    await other.die();
    const { lockData } = await take(locker);
    for (const process of [other, late]) {
      expect(await process.release("a", stale)).toMatchObject({
        status: "SOMEONE_ELSE_HOLDS_LOCK",
      });
    }
    expect(await locker.readLockData("a")).toEqual(lockData);
    await locker.release("a", lockData);
  });

  it("our release of a record of distributed-locker frees its key, and keeps its process alive", async () => {
    const { scene, original } = shared.open();
    const [locker, other] = [scene.locker(), original()];
    const [one, two] = [await takeAsOriginal(other, "a"), await takeAsOriginal(other, "b")];
    expect((await locker.release("a", one)).status).toBe("SUCCESS");
    // All locks of that process share one liveness record.
    expect(await locker.readLockData("b")).toEqual(two);
    expect((await locker.acquire("b")).status).toBe("SOMEONE_ELSE_HOLDS_LOCK");
    await other.release("b", two);
  });

  it("a process of distributed-locker reports all of its locks alive while it runs", async () => {
    const { scene, original } = shared.open();
    const other = original();
    const record = await takeAsOriginal(other);
    await scene.rest.command("PEXPIRE", scene.procName(record.processHash), 5_000);
    await takeAsOriginal(other, "b");
    expect(await scene.rest.locks().isLocked("a")).toBe(true);
    await other.die();
    const lock = await scene.rest.locks().acquire(["a", "b"]);
    await lock.release();
  });
});
