import { describe, expect, it } from "vitest";
import { Database, LockConfigurationError, Locker, type Heartbeater } from "../../src/index.ts";
import { database } from "./exported-databases.ts";
import { take } from "./lockers.ts";

const moduleName = new URL("exported-databases.ts", import.meta.url).href;
const good = { moduleName, exportName: "database" };

describe("Database.load", () => {
  it("resolves with the very Database that the module exports", async () => {
    expect(await Database.load(good)).toBe(database);
  });

  it("accepts a path as well as a URL", async () => {
    const path = new URL("exported-databases.ts", import.meta.url).pathname;
    expect(await Database.load({ ...good, moduleName: path })).toBe(database);
  });

  it("accepts a Database of another copy of the package by duck typing", async () => {
    const url = `data:text/javascript,export const other = { readLockData() {} }`;
    const loaded = await Database.load({ moduleName: url, exportName: "other" });
    expect(loaded).not.toBeInstanceOf(Database);
    expect(loaded).toHaveProperty("readLockData");
  });

  it("names a module that is missing", async () => {
    const missing = new URL("no-such-module.ts", import.meta.url).href;
    const load = Database.load({ ...good, moduleName: missing });
    await expect(load).rejects.toThrow(LockConfigurationError);
    await expect(load).rejects.toMatchObject({
      option: "moduleName",
      message: expect.stringContaining("does not load"),
      cause: expect.any(Error),
    });
  });

  it("reports why a module does not load", async () => {
    const broken = new URL("broken-module.ts", import.meta.url).href;
    await expect(Database.load({ ...good, moduleName: broken })).rejects.toMatchObject({
      option: "moduleName",
      cause: expect.objectContaining({ message: "REDIS_URL is not set" }),
    });
  });

  it.each(["noSuchExport", "notADatabase", "nothing", "text", "default"])(
    "names the export %s, which is not a Database, and what it is",
    async (exportName) => {
      const load = Database.load({ moduleName, exportName });
      await expect(load).rejects.toMatchObject({ option: "exportName" });
      await expect(load).rejects.toThrow(`"${exportName}"`);
      await expect(load).rejects.toThrow(/is no Database, but (?:undefined|an object|null|"a d)/);
    },
  );
});

describe("a Locker with a DatabaseModule", () => {
  it("loads it at its first use, and works with it", async () => {
    const locker = new Locker({ database: good });
    const { lockData } = await take(locker);
    expect(await database.readLockData("a")).toEqual(lockData);
    expect(await locker.readLockData("a")).toEqual(lockData);
    expect(await locker.release("a", lockData)).toMatchObject({ status: "SUCCESS" });
    await locker.terminate();
  });

  it("shares one load among concurrent first uses", async () => {
    const locker = new Locker({ database: good });
    const work = async (_heartbeater: Heartbeater): Promise<string> => "in";
    const runs = ["a", "b", "c"].map((key) => locker.acquireAndRun(key, work));
    expect(await Promise.all(runs)).toEqual(
      Array.from({ length: 3 }, () => ({ status: "SUCCESS", result: "in" })),
    );
    await locker.terminate();
  });

  it("terminated while it loads, is terminated and acquires nothing", async () => {
    const locker = new Locker({ database: good });
    const acquiring = locker.acquire("a");
    acquiring.catch(() => {});
    await locker.terminate();
    await expect(acquiring).rejects.toThrow(/terminated/);
    expect(await database.readLockData("a")).toBeNull();
  });

  it("rejects with the module's error when it cannot be loaded, not before", async () => {
    const locker = new Locker({ database: { ...good, exportName: "notADatabase" } });
    await expect(locker.acquire("a")).rejects.toMatchObject({ option: "exportName" });
    await expect(locker.readLockData("a")).rejects.toThrow(LockConfigurationError);
  });
});
