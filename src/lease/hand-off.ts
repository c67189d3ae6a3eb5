import { show } from "../check.ts";
import { decodeInteger, decodeObject, formatOwnerHash } from "../database/lock-record.ts";
import type { HandedOff, LockOperations } from "../database/operations.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkKeys } from "../key.ts";
import type { LeaseContext } from "./context.ts";
import type { Lease } from "./lease.ts";

/** A lock on its way from one process to another. */
export interface HandOff {
  readonly keys: readonly [string, ...string[]];
  /** Its holder, once for each key. */
  readonly handedOff: readonly HandedOff[];
}

/**
 * A lease as text, for another process to attach. It names the holder, and so is a credential.
 *
 * @throws LockConfigurationError unless the backend can hand locks off
 */
export function writeHandOff({ context, grant }: Lease): string {
  checkHandOff(context.database);
  const { keys, claims, trace, fence } = grant;
  const { processHash } = claims[0].lockData;
  const { keyPrefix } = context;
  return JSON.stringify({ leasehold: 1, keyPrefix, keys, processHash, trace, fence });
}

/**
 * @param option what the text is called where it was given
 * @throws LockConfigurationError unless it is one of `writeHandOff`, by a service with this prefix: it
 *   does not show the text
 */
export function readHandOff(
  option: string,
  text: unknown,
  { database, keyPrefix }: Pick<LeaseContext, "database" | "keyPrefix">,
): HandOff {
  checkHandOff(database);
  const written = typeof text === "string" ? decode(text) : undefined;
  if (written === undefined) {
    throw new LockConfigurationError(option, "must be a string that lock.detach() has returned");
  }
  const { processHash, trace, fence } = written;
  if (written.keyPrefix !== keyPrefix) {
    throw new LockConfigurationError(
      option,
      `is of a lock of another service: its keyPrefix is not ${show(keyPrefix)}`,
    );
  }
  const keys = checkKeys(written.keys);
  const handedOff = keys.map((name) => {
    const key = keyPrefix + name;
    return { key, ownerHash: formatOwnerHash(key, processHash, trace), processHash, fence };
  });
  return { keys, handedOff };
}

interface Written {
  readonly keyPrefix: unknown;
  readonly keys: unknown;
  readonly processHash: string;
  readonly trace: string | undefined;
  readonly fence: number;
}

function decode(text: string): Written | undefined {
  const { leasehold, keyPrefix, keys, processHash, trace, ...rest } = decodeObject(text) ?? {};
  const fence = decodeInteger(rest["fence"]);
  if (leasehold !== 1 || fence === undefined || typeof processHash !== "string") return undefined;
  if (trace !== undefined && typeof trace !== "string") return undefined;
  return { keyPrefix, keys, processHash, trace, fence };
}

/** @throws LockConfigurationError unless the backend can hand locks off */
function checkHandOff(database: LockOperations): void {
  if (database.capabilities.handOff) return;
  throw new LockConfigurationError(
    "database",
    `${database.constructor.name} cannot hand a lock off (capabilities.handOff): detach and attach need RedisDatabase, upstash() or another backend that changes the owner in one step`,
  );
}
