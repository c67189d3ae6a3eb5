import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

// NAMES.md lists the test that covers each public name of the two documents.

interface Row {
  readonly name: string;
  readonly file: string;
  readonly test: string;
}

const TESTS = path.join(import.meta.dirname, "..");

const rows: readonly Row[] = readFileSync(path.join(import.meta.dirname, "NAMES.md"), "utf8")
  .split("\n")
  .flatMap((line) => {
    const [, name, file, test] = /^\| `(.+?)` +\| `(.+?)` +\| (.+?) +\|$/.exec(line) ?? [];
    return name && file && test ? [{ name, file, test }] : [];
  });

const DATABASE = listed(`
  Database, Database.load, DatabaseModule, Events, Locker, Reporter, RedisDatabase,
  RedisDatabase.errors, RedisDatabase.createLockData, RedisDatabase.createProcessData,
  RedisDatabase.readLockData, RedisDatabase.tryCreate, RedisDatabase.tryUpdate,
  RedisDatabase.tryDelete, RedisDatabase.readProcessData, RedisDatabase.saveProcessData,
  RedisDatabase.terminate, retriableError, LockData, LockData.trace, ProcessData,
  LockStatus.SUCCESS, LockStatus.SOMEONE_ELSE_HOLDS_LOCK, LockStatus.NO_KEY
`);

const LOCKER = listed(`
  Locker.acquire, Locker.acquireAndRun, Locker.mutex, Locker.release, Locker.readLockData,
  Locker.readOwnerHashStatus, Locker.terminate, Locker.errors, errors: reporter, errors: locker,
  errors: lost_lock, Extend, MutexError, LockerOptions.database, LockerOptions.waitUntil,
  LockerOptions.reportWriteMs, LockerOptions.reportTtlMs, LockerOptions.lockRecheckMs,
  LockerOptions.lockExtendMs, LockerOptions.lockTtlMs, OwnerHashStatus.RUNNING,
  OwnerHashStatus.NO_KEY, OwnerHashStatus.SOMEONE_ELSE_HOLDS_LOCK,
  OwnerHashStatus.NO_RUNNING_PROCESS, OwnerHashStatus.MALFORMED_OWNER_HASH, Heartbeater.heartbeat,
  Heartbeater.delay, Heartbeater.withOnEvery, Heartbeater.setDraining, NoopHeartbeater,
  DrainingSignal
`);

const SERVICE = listed(`
  LOCK_SERVICE, ILockService, ILock, lockService.acquire, lockService.tryAcquire,
  lockService.withLock, lockService.isLocked, lockService.forceRelease, options.ttl,
  options.retry.maxRetries, lock.key, lock.token, lock.ttl, lock.acquiredAt, lock.expiresAt,
  lock.isAutoRenewing, lock.release, lock.extend, lock.isHeld, lock.stopAutoRenew,
  Conditional Locking, Multi-Resource Locking, Graceful Degradation, LockAcquisitionError,
  LockAcquisitionError.lockKey, LockAcquisitionError.reason, LockNotOwnedError,
  LockNotOwnedError.token, LockExtensionError, LockExtensionError.lockKey, decorators,
  Auto-Renewal, Retry Strategies
`);

it("every name of the documents has one row, and there is no other", () => {
  const names = [...DATABASE, ...LOCKER, ...SERVICE];
  expect(rows.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
});

it.each(rows)("$name is shown by a test that exists", ({ file, test }) => {
  const full = path.join(TESTS, file);
  expect(existsSync(full), `test/${file}`).toBe(true);
  expect(readFileSync(full, "utf8")).toContain(JSON.stringify(test));
});

it("every listed file is one that the runner recognizes as a test", () => {
  expect(rows.map(({ file }) => file).filter((file) => !file.endsWith(".test.ts"))).toEqual([]);
});

function listed(text: string): string[] {
  return text.trim().split(/,\s+/);
}
