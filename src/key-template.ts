import { show } from "./check.ts";
import { LockConfigurationError } from "./errors.ts";
import { checkKey } from "./key.ts";

/** Builds the key of one call from its arguments. */
export type KeyTemplate = (args: readonly unknown[]) => string;

/** Literal text, or the path to a value: the position of the argument, then property names. */
type Part = string | { readonly placeholder: string; readonly path: readonly string[] };

/**
 * Parses a key with placeholders: `{0}` stands for the first argument, `{1.name}` for a property of
 * the second, to any depth. Strings, finite numbers, bigints and booleans are inserted; everything
 * else is an error when the method is called, so that no lock is ever named "undefined".
 *
 * @throws LockConfigurationError for braces that are not a placeholder
 * @example parseKeyTemplate("order:{0.id}")([{ id: 17 }]); // "order:17"
 */
export function parseKeyTemplate(template: unknown): KeyTemplate {
  const source = checkKey(template);
  const parts = source.split(/(\{[^{}]*\})/).map((text) => parsePart(text, source));
  return (args) =>
    parts.map((part) => (typeof part === "string" ? part : valueAt(args, part, source))).join("");
}

function parsePart(text: string, source: string): Part {
  if (!/[{}]/.test(text)) return text;
  if (!/^\{\d+(?:\.[^\s.{}]+)*\}$/.test(text)) {
    throw new LockConfigurationError(
      "key",
      `${show(text)} in ${show(source)} is not a placeholder: write {0} or {1.name}. A key that contains braces needs a function`,
    );
  }
  const [position = "", ...names] = text.slice(1, -1).split(".");
  return { placeholder: text, path: [String(Number(position)), ...names] };
}

function valueAt(
  args: readonly unknown[],
  { placeholder, path }: Exclude<Part, string>,
  source: string,
): string {
  let value: unknown = args;
  let isThere = true;
  for (const name of path) {
    isThere = typeof value === "object" && value !== null && name in value;
    if (!isThere) break;
    value = Reflect.get(value as object, name) as unknown;
  }
  if (isThere && isInsertable(value)) return String(value);
  const found = isThere ? `is ${show(value)}` : "is missing";
  throw new LockConfigurationError(
    "key",
    `${placeholder} of ${show(source)} ${found} in this call; only strings, finite numbers, bigints and booleans can be inserted`,
  );
}

function isInsertable(value: unknown): value is string | number | bigint | boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" || typeof value === "bigint" || typeof value === "boolean";
}
