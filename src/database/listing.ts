import { checkInteger, checkOptions, checkType, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import type { Inspection } from "./operations.ts";
import type { ResultRecord } from "./result-record.ts";

/** What a page of a listing is asked for. */
export interface ListRequest {
  /** A glob, as in Redis, for the keys of locks and of jobs; `\` makes the next character literal. @default "*" */
  readonly match?: string | undefined;
  /** A page ends soon after it has this many entries: 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
  /** Where the page before ended. @default the beginning */
  readonly cursor?: string | undefined;
}

/** A held lock, as `inspect` sees it. Those of jobs are called `once:{key}`. */
export interface ListedLock extends Inspection {
  readonly kind: "lock";
  readonly key: string;
}

/** What is remembered of a job. */
export interface ListedJob {
  readonly kind: "job";
  readonly key: string;
  /** Without the result, which a listing never carries; null for what is stored there and cannot be read. */
  readonly record: ResultRecord | null;
  readonly hasResult: boolean;
  /** What it takes in the database. */
  readonly bytes: number;
  /** Ms until it is forgotten; null for never. */
  readonly remainingMs: number | null;
}

/** What one command found. */
export interface ListPage {
  readonly entries: readonly (ListedLock | ListedJob)[];
  /** Where the next page goes on; null after the last. */
  readonly cursor: string | null;
}

/** What a backend may offer that can look through its keys in small steps. */
export interface ListOperation {
  /**
   * One page of the locks and remembered jobs. No command looks at more than some thousand keys, so that
   * a page may be empty and not the last. What is there from the first page to the last is found at least
   * once; what comes or goes meanwhile may be missed, or found twice.
   *
   * @throws LockConfigurationError naming the option
   */
  list(request?: ListRequest): Promise<ListPage>;
}

const LIST_REQUEST: OptionNames<ListRequest> = { match: true, limit: true, cursor: true };

/** @throws LockConfigurationError naming the option */
export function checkListRequest(request: ListRequest): {
  readonly match: string;
  readonly limit: number;
  readonly cursor: string | undefined;
} {
  checkOptions("list", request, LIST_REQUEST);
  const { match = "*", limit = 100, cursor } = request;
  checkType("match", match, "string");
  checkInteger("limit", limit, 1, 1_000);
  if (cursor !== undefined) checkType("cursor", cursor, "string");
  return { match, limit, cursor };
}

/** A glob for this text alone. */
export function escapeGlob(text: string): string {
  return text.replaceAll(/[[\]?*\\]/g, "\\$&");
}

/** @throws LockConfigurationError unless the backend can look through its keys */
export function listOperation(database: Partial<ListOperation>): ListOperation["list"] {
  if (database.list !== undefined) return database.list.bind(database);
  const message = `${database.constructor.name} cannot list its locks: it has no method "list"`;
  throw new LockConfigurationError("database", message);
}
