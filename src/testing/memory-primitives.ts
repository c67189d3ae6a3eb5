import { checkInteger } from "../check.ts";
import { Database, type DatabaseOptions } from "../database/database.ts";
import type {
  CreateOutcome,
  DeleteOutcome,
  LockData,
  ProcessData,
  ReleaseOutcome,
  UpdateOutcome,
} from "../database/operations.ts";
import { LockStatus } from "../database/lock-status.ts";
import { decodeLockData, decodeProcessData } from "../database/lock-record.ts";
import { systemRuntime } from "../runtime.ts";
import { MemoryStore } from "./memory-store.ts";

/** Options of {@link MemoryDatabase}; times in ms. */
export interface MemoryDatabaseOptions extends DatabaseOptions {
  /** Shared by several databases, they stand for as many processes. @default one of its own */
  readonly store?: MemoryStore | undefined;
  /** How late a request may arrive and still do no harm. @default 30_000 */
  readonly graceMs?: number | undefined;
}

/** What is at a lock key: null lockData for what is no lock record. */
export interface Found {
  readonly lockData: LockData | null;
  readonly remainingMs: number | null;
}

/** The primitives of distributed-locker over a {@link MemoryStore}. Each runs in one go. */
export abstract class MemoryPrimitives extends Database {
  readonly store: MemoryStore;
  protected readonly graceMs: number;

  constructor({ store, graceMs = 30_000, ...options }: MemoryDatabaseOptions = {}) {
    const runtime = options.runtime ?? store?.runtime ?? systemRuntime;
    super({ ...options, runtime });
    this.store = store ?? new MemoryStore(runtime);
    this.graceMs = checkInteger("graceMs", graceMs, 1);
  }

  async readLockData(key: string): Promise<LockData | null> {
    return this.find(key)?.lockData ?? null;
  }

  async tryCreate(key: string, lockData: LockData, ttlMs: number): Promise<CreateOutcome> {
    const found = this.find(key);
    if (found && found.lockData?.ownerHash !== lockData.ownerHash) return heldBy(found);
    this.write(key, lockData, ttlMs, found);
    return { status: LockStatus.SUCCESS, lockData };
  }

  async tryUpdate(
    key: string,
    lockData: LockData,
    ttlMs: number,
    onlyIfOwnerHashEq: string,
  ): Promise<UpdateOutcome> {
    const found = this.find(key);
    if (!found) return NOT_THERE;
    if (found.lockData?.ownerHash !== onlyIfOwnerHashEq) return heldBy(found);
    this.write(key, lockData, ttlMs, found);
    return { status: LockStatus.SUCCESS, lockData };
  }

  async tryDelete(key: string, onlyIfOwnerHashEq: string): Promise<DeleteOutcome> {
    const found = this.find(key);
    if (!found) return NOT_THERE;
    if (found.lockData?.ownerHash !== onlyIfOwnerHashEq) return heldBy(found);
    this.store.delete(lockName(key));
    return { status: LockStatus.SUCCESS, lockData: null };
  }

  async readProcessData(processHash: string): Promise<ProcessData | null> {
    return decodeProcessData(this.store.get(procName(processHash)));
  }

  async saveProcessData(processHash: string, data: ProcessData, ttlMs: number): Promise<void> {
    this.writeProcess(processHash, data, ttlMs);
  }

  async terminate(): Promise<void> {}

  /** The empty text counts as absent, as in distributed-locker. */
  protected find(key: string): Found | undefined {
    const text = this.store.get(lockName(key));
    if (text === undefined || text === "") return undefined;
    const remainingMs = this.store.remainingMs(lockName(key)) ?? null;
    return { lockData: decodeLockData(text), remainingMs };
  }

  /** Writes a record over its owner's own, if there is one: never for less than that had left. */
  protected write(key: string, lockData: LockData, ttlMs: number, own: Found | undefined): void {
    const ms = Math.max(own?.remainingMs ?? 0, ttlMs);
    this.store.set(lockName(key), JSON.stringify(lockData), ms);
  }

  protected writeProcess(processHash: string, data: ProcessData, ttlMs: number): void {
    const name = procName(processHash);
    const left = this.store.remainingMs(name) ?? 0;
    this.store.set(name, JSON.stringify(data), Math.max(left, ttlMs));
  }
}

export const NOT_THERE: ReleaseOutcome & UpdateOutcome = {
  status: LockStatus.NO_KEY,
  lockData: null,
};

export function heldBy({ lockData }: Found): {
  readonly status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK;
  readonly lockData: LockData | null;
} {
  return { status: LockStatus.SOMEONE_ELSE_HOLDS_LOCK, lockData };
}

export function lockName(key: string): string {
  return `lock:${key}`;
}

export function procName(processHash: string): string {
  return `proc:${processHash}`;
}

export function goneName(ownerHash: string): string {
  return `gone:${ownerHash}`;
}
