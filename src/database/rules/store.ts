import type { Instant } from "../../runtime.ts";
import { decodeLockData, type LockData, type ProcessData } from "../lock-record.ts";
import type { Claim } from "../operations.ts";

/*
 * The rules are what the scripts of RedisDatabase decide, in TypeScript: for a backend whose store can be
 * accessed directly, such as memory, or storage that runs a function in one transaction. Each rule must run in one;
 * what a rule here and the script of the same name do must stay the same.
 */

/** Strings that expire, under the names of the wire format. */
export interface RuleStore {
  get(name: string): string | undefined;
  /** Ms left; null for a string without expiry, undefined where there is none. */
  remainingMs(name: string): number | null | undefined;
  /** Stores a string for `ttlMs` or (null) permanently; throws when there is no room. */
  set(name: string, text: string, ttlMs: number | null): void;
  /** Replaces a string, and keeps its expiry; throws when there is no room. */
  replace(name: string, text: string): void;
  /** Never shortens, and leaves a string without expiry alone. Needs no room. */
  lengthen(name: string, ms: number): void;
  delete(name: string): void;
}

/** What the rules need besides the store. */
export interface RuleSettings {
  readonly now: Instant;
  /** How long tombstones last, in ms. */
  readonly graceMs: number;
  /** The highest fence this client has seen: a counter below it goes on above it (R6). */
  readonly highestFence: number;
}

/** What became of an owner hash. */
export type Tombstone = "granted" | "refused" | "released" | "taken" | "forced" | "lost";

/** What is stored at a lock key. */
export interface Found {
  /** Null for what is not a lock record: held by someone unreadable (R7). */
  readonly lockData: LockData | null;
  readonly remainingMs: number | null;
}

export const FENCE = "fence";

export function lockName(key: string): string {
  return `lock:${key}`;
}

export function processName(processHash: string): string {
  return `proc:${processHash}`;
}

export function resultName(key: string): string {
  return `done:${key}`;
}

export function tombstoneName(ownerHash: string): string {
  return `gone:${ownerHash}`;
}

/** What is stored at a lock key; the empty string counts as absent, as in distributed-locker. */
export function find(store: RuleStore, key: string): Found | undefined {
  const text = store.get(lockName(key));
  if (text === undefined || text === "") return undefined;
  return {
    lockData: decodeLockData(text),
    remainingMs: store.remainingMs(lockName(key)) ?? null,
  };
}

/** Reports a process alive; never shortens the time it has left (R1). */
export function saveProcess(
  store: RuleStore,
  processHash: string,
  processData: ProcessData,
  ttlMs: number,
): void {
  const name = processName(processHash);
  const left = store.remainingMs(name) ?? 0;
  store.set(name, JSON.stringify(processData), Math.max(left, ttlMs));
}

/** Remembers what became of the owner hashes of claims. */
export function rememberAll(
  store: RuleStore,
  claims: readonly Claim[],
  reason: Tombstone,
  settings: RuleSettings,
): void {
  for (const { lockData } of claims) remember(store, lockData.ownerHash, reason, settings);
}

/** Remembers what became of an owner hash. */
export function remember(
  store: RuleStore,
  ownerHash: string,
  reason: string,
  { graceMs }: RuleSettings,
): void {
  whereThereIsRoom(() => store.set(tombstoneName(ownerHash), reason, graceMs));
}

/** As pcall does in the scripts: a full store must free locks, and keep them, all the same (R4, R5). */
export function whereThereIsRoom(write: () => void): void {
  try {
    write();
  } catch {
    // There is none.
  }
}
