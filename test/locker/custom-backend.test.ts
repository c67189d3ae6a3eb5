import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  LockConfigurationError,
  LockReleaseUnknownError,
  Locker,
  type DeleteOutcome,
  type LockerError,
} from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";
import { take } from "./lockers.ts";

/** A backend of primitives only, whose deletions fail for want of a connection. */
class OfflineDatabase extends MinimalDatabase {
  isOnline = false;
  deletions = 0;
  readonly outage: Error = new Error("connection lost");

  override async tryDelete(key: string, ownerHash: string): Promise<DeleteOutcome> {
    this.deletions += 1;
    return this.isOnline ? super.tryDelete(key, ownerHash) : { retriableError: this.outage };
  }
}

function lockerOn(database: MinimalDatabase): { locker: Locker; errors: LockerError[] } {
  const locker = new Locker({ database });
  const errors: LockerError[] = [];
  locker.errors.subscribe((error) => errors.push(error));
  return { locker, errors };
}

describe("a Locker on a backend that implements only the abstract methods", () => {
  it("acquires, extends, is refused, reads and releases", async () => {
    const database = new MinimalDatabase();
    const { locker, errors } = lockerOn(database);
    const { lockData, extend } = await take(locker, "a", "t");
    expect(lockData.fence).toBeUndefined();
    expect(await lockerOn(database).locker.acquire("a")).toMatchObject({
      status: "SOMEONE_ELSE_HOLDS_LOCK",
      lockData: { ownerHash: lockData.ownerHash },
    });
    expect(await extend()).toMatchObject({ status: "SUCCESS" });
    expect(await locker.readLockData("a")).toMatchObject({ ownerHash: lockData.ownerHash });
    expect(await locker.readOwnerHashStatus(lockData.ownerHash)).toMatchObject({
      status: "RUNNING",
    });
    expect(await locker.release("a", lockData)).toMatchObject({ status: "SUCCESS" });
    expect(await locker.release("a", lockData)).toMatchObject({ status: "NO_KEY" });
    expect(errors).toEqual([]);
  });

  it("takes over a dead holder's lock, which the holder then loses", async () => {
    const database = new MinimalDatabase();
    const { locker, errors } = lockerOn(database);
    const { lockData, extend } = await take(locker);
    database.entries.delete(`proc:${lockData.processHash}`);
    const next = lockerOn(database);
    const { lockData: taken } = await take(next.locker);
    expect(await extend()).toMatchObject({ status: "SOMEONE_ELSE_HOLDS_LOCK" });
    expect(errors.map(({ type }) => type)).toEqual(["lost_lock"]);
    expect(await locker.release("a", lockData)).toMatchObject({
      status: "SOMEONE_ELSE_HOLDS_LOCK",
    });
    expect(await next.locker.release("a", taken)).toMatchObject({ status: "SUCCESS" });
  });

  it("lets ten contenders in one at a time", async () => {
    const database = new MinimalDatabase();
    let inside = 0;
    let most = 0;
    const { locker, errors } = lockerOn(database);
    const contend = (): Promise<void> =>
      locker.mutex(
        "a",
        60_000,
        async (heartbeater) => {
          inside += 1;
          most = Math.max(most, inside);
          await heartbeater.delay(2);
          inside -= 1;
        },
        () => sleep(1 + Math.random() * 5),
      );
    await Promise.all(Array.from({ length: 10 }, contend));
    expect(most).toBe(1);
    expect(errors).toEqual([]);
  });
});

describe("a tryDelete that answers retriableError", () => {
  it("is tried twice for the caller, then in the background until it succeeds, and reported each time", async () => {
    const database = new OfflineDatabase();
    const { locker, errors } = lockerOn(database);
    const { lockData } = await take(locker);
    const release = locker.release("a", lockData);
    await expect(release).rejects.toThrow(LockReleaseUnknownError);
    await expect(release).rejects.toMatchObject({
      lockKey: "a",
      cause: { cause: database.outage },
    });
    expect(database.deletions).toBe(2);
    expect(errors.map(({ type }) => type)).toEqual(["locker", "locker"]);
    await eventually("it is retried in the background", () => database.deletions > 2);
    await eventually("and reports it", () => errors.length === database.deletions);
    database.isOnline = true;
    await eventually("it succeeds", async () => (await database.readLockData("a")) === null);
    const { deletions } = database;
    await sleep(20);
    expect(database.deletions).toBe(deletions);
    await locker.terminate();
  });

  it("does the same for the lock of another instance", async () => {
    const database = new OfflineDatabase();
    const holder = lockerOn(database).locker;
    const { lockData } = await take(holder);
    const { locker, errors } = lockerOn(database);
    await expect(locker.release("a", lockData)).rejects.toThrow(LockReleaseUnknownError);
    expect(errors.map(({ type }) => type)).toEqual(["locker", "locker"]);
    database.isOnline = true;
    await eventually("it succeeds", async () => (await database.readLockData("a")) === null);
    expect(await database.readProcessData(lockData.processHash)).not.toBeNull();
    await holder.terminate();
  });

  it("a permanent error it rejects with ends the release at once", async () => {
    class RefusingDatabase extends MinimalDatabase {
      override async tryDelete(): Promise<DeleteOutcome> {
        throw new LockConfigurationError("prefix", "may not be deleted");
      }
    }
    const { locker, errors } = lockerOn(new RefusingDatabase());
    const { lockData } = await take(locker);
    await expect(locker.release("a", lockData)).rejects.toThrow(LockReleaseUnknownError);
    expect(errors).toHaveLength(1);
    await locker.terminate();
  });
});
