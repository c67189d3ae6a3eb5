import { show } from "../check.ts";
import { DatabaseError } from "../errors.ts";
import { decodeInteger, decodeObject } from "./lock-record.ts";

/** What is remembered of a job that completed, under `done:{key}`. Times are ISO strings. */
export interface ResultRecord {
  /** Whose run it was. */
  readonly ownerHash: string;
  readonly fence?: number;
  readonly completedAt: string;
  /** What distinguishes its input from another. */
  readonly fingerprint?: string;
  /** The encoded result; left out by a marker, which says only that it completed. */
  readonly result?: string;
}

/** A record of a completed job; null when it is not one (R7). */
export function decodeResultRecord(value: unknown): ResultRecord | null {
  const record = decodeObject(value);
  const { ownerHash, completedAt, fingerprint, result } = record ?? {};
  if (typeof ownerHash !== "string" || typeof completedAt !== "string") return null;
  const fence = decodeInteger(record?.["fence"]);
  return {
    ownerHash,
    ...(fence === undefined ? {} : { fence }),
    completedAt,
    ...(typeof fingerprint === "string" ? { fingerprint } : {}),
    ...(typeof result === "string" ? { result } : {}),
  };
}

/** Something else than a result is stored where results are (R7): never overwritten, never run past. */
export function notAResult(name: string): DatabaseError {
  return new DatabaseError(
    `The key ${show(name)} holds something else than a result of ours: remove it, or choose another prefix`,
    { applied: "no", retriable: false },
  );
}
