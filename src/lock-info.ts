import type { Inspection } from "./database/operations.ts";
import { checkKey } from "./key.ts";
import type { ServiceSettings } from "./lock-options.ts";
import { sendTwice } from "./retry.ts";

/** What {@link LockService.inspect} reports about a held lock. For operators, not for end users. */
export interface LockInfo {
  /** Owner hash of the holder; null when what is stored is not a lock record. */
  readonly holder: string | null;
  readonly trace: string | null;
  readonly fence: number | null;
  /** Ms left unless it is renewed; null when it has no expiry. */
  readonly remainingMs: number | null;
  /** False when the holder's process is dead, and the next acquisition would take over. */
  readonly alive: boolean;
  readonly acquiredAt: string | null;
  readonly extendedAt: string | null;
}

/** What is at a user's key; null when it is free. */
export function lookAt(
  { database, keyPrefix }: ServiceSettings,
  key: string,
): Promise<Inspection | null> {
  const name = keyPrefix + checkKey(key);
  return sendTwice(() => database.inspect(name));
}

/** Who holds a user's key; null when it is free. */
export async function inspectLock(
  settings: ServiceSettings,
  key: string,
): Promise<LockInfo | null> {
  const seen = await lookAt(settings, key);
  return seen && toLockInfo(seen);
}

/** Deletes what is there now, and nothing that comes meanwhile. */
export async function forceRelease(settings: ServiceSettings, key: string): Promise<boolean> {
  const seen = await lookAt(settings, key);
  if (seen === null) return false;
  const owner = seen.lockData?.ownerHash ?? null;
  return sendTwice(() => settings.database.forceDelete(settings.keyPrefix + key, owner));
}

export function toLockInfo(seen: Inspection): LockInfo {
  const { lockData, remainingMs, alive } = seen;
  if (lockData === null) return { ...UNREADABLE, remainingMs, alive };
  const { ownerHash, trace = null, fence = null, acquiredAt, extendedAt } = lockData;
  return { holder: ownerHash, trace, fence, remainingMs, alive, acquiredAt, extendedAt };
}

/** What is known about a holder whose record cannot be read. */
const UNREADABLE = {
  holder: null,
  trace: null,
  fence: null,
  acquiredAt: null,
  extendedAt: null,
} as const;
