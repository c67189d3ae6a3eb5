/** What the names of our keys in Redis begin with, the database's prefix included. */
export interface Names {
  /** The counter of fencing tokens; a whole name. */
  readonly fence: string;
  /** The record of a lock; its key follows. */
  readonly lock: string;
  /** The liveness of a process; its hash follows. */
  readonly process: string;
  /** What is remembered of a job; its key follows. */
  readonly result: string;
  /** What became of an owner hash, which follows. */
  readonly tombstone: string;
}

export function namesUnder(prefix: string): Names {
  return {
    fence: `${prefix}fence`,
    lock: `${prefix}lock:`,
    process: `${prefix}proc:`,
    result: `${prefix}done:`,
    tombstone: `${prefix}gone:`,
  };
}

/** A reply of one of our scripts: `{ status, … }`. */
export interface Reply {
  readonly status: string;
  readonly rest: readonly unknown[];
}

/** One EVAL: what is sent, and how its reply is decoded. */
export interface Command<T> {
  /** For error messages. */
  readonly operation: string;
  readonly script: string;
  readonly keys: string[];
  readonly args: string[];
  /** It touches keys that cannot be named beforehand, so that they cannot be locked one by one. */
  readonly undeclared?: true;
  /** Undefined for a reply that the script never returns. */
  readonly decode: (reply: Reply) => T | undefined;
}
