/**
 * What the wire format names: a lock, the liveness of a process, a tombstone, a remembered job, the
 * counter of fences.
 */
export type StoredName =
  `lock:${string}` | `proc:${string}` | `gone:${string}` | `done:${string}` | "fence";

/**
 * A backend's storage, past its rules: to force an expiry, to look at what is left, to put something
 * malformed there. Names as in the wire format, without any prefix.
 */
export interface RawStorage {
  read(name: StoredName): Promise<string | null>;
  /** For `ttlMs`, or (null) for good. */
  write(name: StoredName, text: string, ttlMs: number | null): Promise<void>;
  remove(name: StoredName): Promise<void>;
  /** Ms left; null without expiry, undefined when it is not there. */
  remainingMs(name: StoredName): Promise<number | null | undefined>;
  /** Puts there what is no text at all, such as a list in Redis, where there are such things. */
  writeNoText?(name: StoredName): Promise<void>;
}
