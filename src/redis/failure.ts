import { show } from "../check.ts";
import { DatabaseError } from "../errors.ts";

/** Redis says so before it runs anything; in a moment the same command may go through. */
const PASSING = /^(?:LOADING|READONLY|BUSY)\b/;

/**
 * Redis or Upstash says so before it runs anything, or our script stopped at its reads: not
 * applied. https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors and
 * https://upstash.com/docs/redis/troubleshooting/max_requests_limit
 */
const REFUSED =
  /^(?:WRONGPASS|NOAUTH|NOPERM|WRONGTYPE|OOM|Unauthorized)\b|^ERR (?:max |Error running script|Error compiling script|user_script|Unexpected flag in script shebang|Protocol error: unauthenticated)|\bscript: [0-9a-f]{40}\b/;

/** What `@upstash/redis` puts around the server's own words. */
const WRAPPING = /^(?:Command failed: |Command \d+ \[ \w+ \] failed: )/;
const COMMAND = /, command was: [^]*$/;

/** The client shows the body it could not read, perhaps with another holder's record. */
const BODY = /(Unable to parse response body): [^]*$/;

/** What `fetch` shows of a header or URL it cannot send. */
const CREDENTIALS = /Bearer [^"]*|\/\/[^/@\s]*@/g;

/**
 * Turns what a client threw into a DatabaseError. Only an error that carries a known Redis prefix
 * is certain not to have been applied; everything else is unknown. The client puts the whole
 * command into its messages, keys and owner hashes included: none of it is kept.
 */
export function toDatabaseError(operation: string, thrown: unknown): DatabaseError {
  const message = serverWords(thrown);
  const retriable = PASSING.test(message);
  const applied = retriable || REFUSED.test(message) ? "no" : "unknown";
  return new DatabaseError(
    applied === "no"
      ? `Redis refused to ${operation}: ${message}`
      : `Redis gave no answer to "${operation}": ${message}`,
    { applied, retriable: retriable || applied === "unknown", cause: withoutCommand(thrown) },
  );
}

/** An answer of a shape our scripts never give, such as `null` or a proxy's page. */
export function unreadableReply(operation: string): DatabaseError {
  return new DatabaseError(`Redis gave no readable answer to "${operation}"`, {
    applied: "unknown",
    retriable: true,
  });
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
  // JSON.parse quotes what it could not read.
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
