import { parseArgs } from "node:util";
import { nearest, show } from "../check.ts";

/** What the commands take, and what they do. */
export const COMMANDS = {
  ls: ["[PATTERN]", "the locks that are held and the jobs that are remembered"],
  inspect: ["KEY", "who holds a lock"],
  watch: ["[PATTERN]", "ls, again and again, until Ctrl-C"],
  release: ["KEY", "releases a lock, whoever holds it; asks first"],
  recall: ["KEY", "what is remembered of a job"],
  forget: ["KEY", "forgets that a job has completed, so that it may run again"],
  doctor: ["", "what is wrong with the database or its settings, and what to do"],
} as const;

export type CommandName = keyof typeof COMMANDS;

const OPTIONS = {
  prefix: { type: "string" },
  json: { type: "boolean" },
  yes: { type: "boolean", short: "y" },
  cursor: { type: "string" },
  "max-commands": { type: "string" },
  interval: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

/** The program was called in a way it does not understand. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Arguments {
  readonly command: CommandName | "help" | "version";
  /** The key or pattern. */
  readonly operand: string | undefined;
  readonly prefix: string | undefined;
  readonly json: boolean;
  readonly yes: boolean;
  readonly cursor: string | undefined;
  readonly maxCommands: number | undefined;
  /** In ms. */
  readonly interval: number;
}

/** @throws UsageError, which names the nearest command or option */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const [name, operand, ...others] = positionals;
  const { prefix, json = false, yes = false, cursor, interval } = values;
  const maxCommands = values["max-commands"];
  return {
    command: values.help ? "help" : values.version ? "version" : commandOf(name, operand, others),
    operand,
    prefix,
    json,
    yes,
    cursor,
    maxCommands: maxCommands === undefined ? undefined : numberOf("max-commands", maxCommands),
    interval: numberOf("interval", interval ?? "2") * 1_000,
  };
}

function parse(args: readonly string[]): ReturnType<typeof parseStrictly> {
  checkNames(args);
  try {
    return parseStrictly(args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parseStrictly(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
}

function checkNames(args: readonly string[]): void {
  const { tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "option" && !(token.name in OPTIONS)) {
      throw new UsageError(unknown("option", token.rawName, token.name, Object.keys(OPTIONS)));
    }
  }
}

function commandOf(
  name: string | undefined,
  operand: string | undefined,
  others: readonly string[],
): CommandName {
  if (name === undefined) throw new UsageError("which command? See leasehold --help");
  if (!isCommand(name)) {
    throw new UsageError(unknown("command", show(name), name, Object.keys(COMMANDS)));
  }
  const [takes] = COMMANDS[name];
  if (takes === "KEY" && operand === undefined) throw new UsageError(`${name} needs a KEY`);
  if (others.length > 0 || (takes === "" && operand !== undefined)) {
    throw new UsageError(
      `${name} takes ${takes === "" ? "nothing" : `one ${takes}`}; quote a key with spaces`,
    );
  }
  return name;
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

function unknown(what: string, shown: string, name: string, names: readonly string[]): string {
  const likely = nearest(name, names);
  const marked = what === "option" ? `--${likely}` : likely;
  const hint = likely === undefined ? "see leasehold --help" : `did you mean ${marked}?`;
  return `there is no ${what} ${shown}; ${hint}`;
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (number >= 1 && number <= 1_000_000) return number;
  throw new UsageError(`--${option} must be a number from 1 to 1000000, but is ${show(text)}`);
}

export function helpText(): string {
  const list = Object.entries(COMMANDS).map(
    ([name, [takes, does]]) => `  ${`${name} ${takes}`.padEnd(18)} ${does}`,
  );
  return `Usage: leasehold COMMAND [options]

${list.join("\n")}

A PATTERN is a glob, as in Redis: "order:*". The lock of a job that runs is called once:KEY.

Options:
  --prefix PREFIX    that of the database (default "leasehold:")
  --json             machine-readable output
  --yes, -y          release without asking
  --cursor CURSOR    ls: go on where an earlier one stopped
  --max-commands N   ls, watch: stop after so many commands (default 1000)
  --interval S       watch: seconds between two looks (default 2)
  --help, -h; --version

Reads UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN, or KV_REST_API_URL and KV_REST_API_TOKEN.

Exit status: 0 done, 1 nothing there, not done, or doctor found a problem, 2 wrong usage or settings,
3 the database gave no answer.
`;
}
