import { createHash } from "node:crypto";

/** One Redis command as received over HTTP. */
export interface RestCommand {
  /** In lower case. */
  readonly name: string;
  /** The name of the script that is run, from a first line like `-- leasehold:acquire`. */
  readonly script?: string;
  readonly args: readonly (string | Buffer)[];
}

/** A request the front answers with an error status and `{"error": "ERR …"}`. */
export class BadCommand extends Error {
  override readonly name = "BadCommand";
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** Commands that cannot or must not run on a shared connection: blocking, connection state, server shutdown. */
const REFUSED = new Set(
  `auth blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin client discard exec hello monitor
   multi psubscribe punsubscribe quit reset select shutdown ssubscribe subscribe sunsubscribe sync psync
   unsubscribe unwatch wait waitaof watch`.split(/\s+/),
);

/** A command from a parsed JSON body; throws BadCommand for anything that is not one. */
export function toCommand(value: unknown): RestCommand {
  if (!Array.isArray(value) || value.length === 0) {
    throw new BadCommand("ERR empty command");
  }
  return commandFrom(value.map(toArgument));
}

/** A command from its arguments, name first. */
export function commandFrom(args: readonly (string | Buffer)[]): RestCommand {
  const name = String(args[0] ?? "").toLowerCase();
  if (name === "") {
    throw new BadCommand("ERR empty command");
  }
  const script = scriptOf(name, args);
  return script === undefined ? { name, args } : { name, script, args };
}

/** By SHA-1: what an EVALSHA runs is known once the text has passed. */
const scriptNames = new Map<string, string>();

/** Lets an EVALSHA of this script be named. */
export function rememberScript(text: string): string | undefined {
  const name = scriptName(text);
  if (name !== undefined) scriptNames.set(createHash("sha1").update(text).digest("hex"), name);
  return name;
}

function scriptOf(name: string, args: readonly (string | Buffer)[]): string | undefined {
  const [, first = "", second = ""] = args.map(String);
  if (name === "eval" || name === "eval_ro") return rememberScript(first);
  if (name === "script" && first.toLowerCase() === "load") rememberScript(second);
  return name === "evalsha" || name === "evalsha_ro" ? scriptNames.get(first) : undefined;
}

/** Why a command is not available over REST; undefined if it is. */
export function refusal({ name, args }: RestCommand): string | undefined {
  const blocks =
    (name === "xread" || name === "xreadgroup") &&
    args.some((arg) => String(arg).toLowerCase() === "block");
  return REFUSED.has(name) || blocks
    ? `ERR Command is not available: '${name.toUpperCase()}'`
    : undefined;
}

function toArgument(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  throw new BadCommand("ERR invalid command: every argument is a string, a number or a boolean");
}

/** The text of the first comment line, which a `#!lua` line may precede. */
function scriptName(script: string): string | undefined {
  const [first = "", second = ""] = script.trimStart().split("\n", 2);
  const line = first.startsWith("#!") ? second : first;
  return /^\s*--\s*(?:leasehold:)?(.*\S)/.exec(line)?.[1];
}
