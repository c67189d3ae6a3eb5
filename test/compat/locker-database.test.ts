import { describe, expect, it } from "vitest";
import {
  Database,
  DatabaseError,
  LockStatus,
  RedisDatabase,
  type LockData,
  type ProcessData,
} from "../../src/index.ts";
import { useDatabase, type DatabaseScene } from "../support/database-scene.ts";

// RedisDatabase as the first document describes it, method by method.

const scenes = useDatabase();
const PROCESS = "host/1.2";

function recordOf({ database }: DatabaseScene, seq = 3): LockData {
  const ownerHash = `key@${PROCESS}.${seq}`;
  return database.createLockData({ ownerHash, processHash: PROCESS, trace: undefined });
}

describe("RedisDatabase, as documented", () => {
  it("constructor: takes a Redis client, sends nothing, and creates a Database", () => {
    const { rest } = scenes.open();
    const database = new RedisDatabase(rest.redis);
    expect(database).toBeInstanceOf(Database);
    expect(rest.session.counters.requests).toBe(0);
  });

  it("errors: every recoverable error is reported to subscribers, until they unsubscribe", async () => {
    const { database, rest } = scenes.open();
    const heard: unknown[] = [];
    expect(Object.keys(database.errors)).toEqual(["subscribe"]);
    const stop = database.errors.subscribe((error) => heard.push(error));
    const { faults } = rest.session;
    faults.add({ kind: "drop-request", times: 1 });
    await expect(database.readLockData("key")).rejects.toThrow(DatabaseError);
    faults.add({ kind: "drop-request", times: 1 });
    await database.tryDelete("key", "key@host/1.2.3");
    // A permanent failure is not recoverable.
    faults.add({ kind: "error-json", status: 400, error: "NOPERM no permissions", times: 1 });
    await expect(database.readLockData("key")).rejects.toThrow(DatabaseError);
    await database.readLockData("key");
    expect(heard).toEqual([expect.any(DatabaseError), expect.any(DatabaseError)]);
    stop();
    faults.add({ kind: "drop-request", times: 1 });
    await expect(database.readLockData("key")).rejects.toThrow(DatabaseError);
    expect(heard).toHaveLength(2);
  });

  it("createLockData: the given hashes and trace, acquired and extended now", () => {
    const { database } = scenes.open();
    const before = Date.now();
    const owner = { ownerHash: "key@host/1.2.3#t", processHash: PROCESS, trace: "t" };
    const lockData = database.createLockData(owner);
    expect(lockData).toEqual({
      ...owner,
      acquiredAt: expect.any(String),
      extendedAt: lockData.acquiredAt,
    });
    expect(Date.parse(lockData.acquiredAt)).toBeGreaterThanOrEqual(before);
    expect(database.createLockData({ ...owner, trace: undefined })).not.toHaveProperty("trace");
  });

  it("createProcessData: alive now", () => {
    const before = Date.now();
    const data: ProcessData = scenes.open().database.createProcessData();
    expect(Object.keys(data)).toEqual(["aliveAt"]);
    expect(Date.parse(data.aliveAt)).toBeGreaterThanOrEqual(before);
  });

  it("readLockData: the record of a key, null when there is none", async () => {
    const scene = scenes.open();
    expect(await scene.database.readLockData("key")).toBeNull();
    const lockData = recordOf(scene);
    await scene.database.tryCreate("key", lockData, 60_000);
    expect(await scene.database.readLockData("key")).toEqual(lockData);
  });

  it("tryCreate: writes only if the key does not exist yet, and otherwise returns its holder", async () => {
    const scene = scenes.open();
    const lockData = recordOf(scene);
    const created = await scene.database.tryCreate("key", lockData, 60_000);
    expect(created).toEqual({ status: LockStatus.SUCCESS, lockData });
    expect(await scene.pttl(scene.lockKey())).toBeGreaterThan(50_000);
    expect(await scene.database.tryCreate("key", recordOf(scene, 4), 90_000)).toEqual({
      status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
      lockData,
    });
    expect(await scene.record()).toEqual(lockData);
    expect(await scene.pttl(scene.lockKey())).toBeLessThanOrEqual(60_000);
    // The same command delivered twice.
    expect(await scene.database.tryCreate("key", lockData, 60_000)).toEqual(created);
  });

  it("tryUpdate: writes only if the key exists with that owner hash", async () => {
    const scene = scenes.open();
    const { database } = scene;
    const lockData = recordOf(scene);
    const extended = { ...lockData, extendedAt: "2030-01-01T00:00:00.000Z" };
    expect(await database.tryUpdate("key", extended, 60_000, lockData.ownerHash)).toEqual({
      status: LockStatus.NO_KEY,
      lockData: null,
    });
    expect(await scene.exists(scene.lockKey())).toBe(false);
    await database.tryCreate("key", lockData, 60_000);
    expect(await database.tryUpdate("key", extended, 90_000, "key@host/1.2.9")).toEqual({
      status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
      lockData,
    });
    expect(await scene.record()).toEqual(lockData);
    expect(await database.tryUpdate("key", extended, 90_000, lockData.ownerHash)).toEqual({
      status: LockStatus.SUCCESS,
      lockData: extended,
    });
    expect(await scene.record()).toEqual(extended);
    expect(await scene.pttl(scene.lockKey())).toBeGreaterThan(60_000);
  });

  it("tryDelete: deletes only if the key exists with that owner hash", async () => {
    const scene = scenes.open();
    const { database } = scene;
    const lockData = recordOf(scene);
    const noKey = { status: LockStatus.NO_KEY, lockData: null };
    expect(await database.tryDelete("key", lockData.ownerHash)).toEqual(noKey);
    await database.tryCreate("key", lockData, 60_000);
    expect(await database.tryDelete("key", "key@host/1.2.9")).toEqual({
      status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK,
      lockData,
    });
    expect(await database.tryDelete("key", lockData.ownerHash)).toEqual({
      status: LockStatus.SUCCESS,
      lockData: null,
    });
    expect(await scene.exists(scene.lockKey())).toBe(false);
  });

  it("tryDelete: resolves to retriableError without an answer, and rejects if Redis refused", async () => {
    const scene = scenes.open();
    const { faults } = scene.rest.session;
    const { ownerHash } = recordOf(scene);
    for (const kind of ["drop-request", "drop-response", "error-html", "null-result"] as const) {
      faults.add({ kind, script: "try-delete", times: 1 });
      expect(await scene.database.tryDelete("key", ownerHash), kind).toEqual({
        retriableError: expect.objectContaining({ code: "LOCK_DATABASE", retriable: true }),
      });
    }
    const error = "NOPERM this user has no permissions";
    faults.add({ kind: "error-json", status: 400, error, script: "try-delete", times: 1 });
    await expect(scene.database.tryDelete("key", ownerHash)).rejects.toMatchObject({
      code: "LOCK_DATABASE",
      retriable: false,
    });
  });

  it("saveProcessData and readProcessData: a process is alive for its TTL", async () => {
    const scene = scenes.open();
    const { database } = scene;
    expect(await database.readProcessData(PROCESS)).toBeNull();
    const data = database.createProcessData();
    expect(await database.saveProcessData(PROCESS, data, 60_000)).toBeUndefined();
    expect(await database.readProcessData(PROCESS)).toEqual(data);
    const proc = `${scene.prefix}proc:${PROCESS}`;
    expect(await scene.pttl(proc)).toBeGreaterThan(50_000);
    await scene.command("DEL", proc);
    expect(await database.readProcessData(PROCESS)).toBeNull();
  });

  it("terminate: can be called repeatedly", async () => {
    const { database, rest } = scenes.open();
    expect(await database.terminate()).toBeUndefined();
    await database.terminate();
    expect(rest.session.counters.requests).toBe(0);
  });
});
