import { show } from "../check.ts";
import { DatabaseError, isLockError, type LockError } from "../errors.ts";
import type { Names } from "./command.ts";

/**
 * Transient refusals, made before anything is run: the same command may succeed soon.
 * https://redis.io/docs/latest/develop/reference/errors/common/
 */
const PASSING = /^(?:LOADING|READONLY|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN|ASK)\b/;

/**
 * Refusals made before anything is run, or by a script of ours that failed while it was reading: not
 * applied. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and
 * https://upstash.com/docs/redis/troubleshooting/max_requests_limit
 */
const REFUSED =
  /^(?:WRONGPASS|NOAUTH|NOPERM|NOSCRIPT|CROSSSLOT|MOVED|MISCONF|WRONGTYPE|OOM|Unauthorized)\b|^ERR (?:max |Error running script|Error compiling script|user_script|Unexpected flag in script shebang|Protocol error: unauthenticated)|\bscript: [0-9a-f]{40}\b/;

/** What `@upstash/redis` wraps around the message of the server. */
const WRAPPING = /^(?:Command failed: |Command \d+ \[ \w+ \] failed: )/;

/** The command, as `@upstash/redis` quotes it, and Redis one that it does not have. */
const COMMAND = /, (?:command was|with args beginning with): [^]*$/;

/** The client quotes the body it could not parse, which may contain the record of another holder. */
const BODY = /(Unable to parse response body): [^]*$/;

/** What `fetch` quotes of a header or URL that it cannot send. */
const CREDENTIALS = /Bearer [^"]*|\/\/[^/@\s]*@/g;

/**
 * Turns what a client threw into a DatabaseError. Only an error with a known Redis prefix was certainly
 * not applied; everything else is unknown (R9). The client quotes the whole command in its messages,
 * keys and owner hashes included: none of that is kept.
 */
export function toDatabaseError(
  operation: string,
  thrown: unknown,
  { fence }: Pick<Names, "fence">,
): LockError {
  if (isLockError(thrown)) return thrown;
  const message = serverWords(thrown);
  const retriable = PASSING.test(message);
  const applied = retriable || REFUSED.test(message) ? "no" : "unknown";
  return new DatabaseError(
    applied === "no"
      ? `Redis refused to ${operation}: ${message}${adviceFor(message, fence)}`
      : `Redis gave no answer to "${operation}": ${message}`,
    { applied, retriable: retriable || applied === "unknown", cause: withoutCommand(thrown) },
  );
}

/** Redis does not know the script of an EVALSHA, and has run nothing. */
export function isUnknownScript(thrown: unknown): boolean {
  return serverWords(thrown).startsWith("NOSCRIPT ");
}

/** A reply that our scripts never return, such as `null` or the page of a proxy. */
export function unreadableReply(operation: string): DatabaseError {
  return new DatabaseError(`Redis gave no readable answer to "${operation}"`, {
    applied: "unknown",
    retriable: true,
  });
}

const REPLICA = "The REST front reaches a replica, not the primary";

/** What to do about a refusal that a setting can solve. */
const ADVICE: Readonly<Record<string, string>> = {
  CROSSSLOT:
    'On Redis Cluster all keys of a database need one slot: choose a prefix with a hash tag, such as "{leasehold}:"',
  CLUSTERDOWN: "See CLUSTER INFO",
  MISCONF: "Redis cannot save: see its log and its disk",
  READONLY: REPLICA,
  MASTERDOWN: REPLICA,
};

function adviceFor(message: string, fenceKey: string): string {
  const known = ADVICE[message.split(" ", 1).join()];
  if (known !== undefined) return `. ${known}`;
  // The only key that a script changes without having looked at what it holds.
  const isForeign = /^WRONGTYPE|not an integer|would overflow/.test(message);
  return isForeign
    ? `. The key ${show(fenceKey)} holds something else than our counter: remove it, or choose another prefix`
    : "";
}

function serverWords(thrown: unknown): string {
  const text: unknown = thrown instanceof Error ? thrown.message : thrown;
  if (typeof text !== "string") return show(text);
  return text
    .replace(COMMAND, "")
    .replace(BODY, "$1")
    .replace(WRAPPING, "")
    .replace(CREDENTIALS, "…")
    .slice(0, 200);
}

function withoutCommand(thrown: unknown, depth = 0): unknown {
  // JSON.parse quotes its input.
  if (thrown instanceof SyntaxError) return new SyntaxError("not JSON");
  if (!(thrown instanceof Error)) return new Error(serverWords(thrown));
  const inner = depth < 3 && thrown.cause !== undefined ? thrown.cause : undefined;
  const clean = new Error(
    serverWords(thrown),
    inner === undefined ? undefined : { cause: withoutCommand(inner, depth + 1) },
  );
  clean.name = thrown.name;
  return clean;
}
