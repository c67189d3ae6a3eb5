/** The few assertions the suite needs: it must run under any runner, and on any platform. */

/** Fails unless both are the same, down to their last field; the order of fields is free. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (text(actual) !== text(expected)) fail(what, text(expected), actual);
}

/** Fails unless `actual` has these fields with these values; others are free. */
export function has(actual: unknown, expected: object, what: string): void {
  const fields = typeof actual === "object" && actual !== null ? { ...actual } : {};
  const known = Object.entries(fields).filter(([name]) => name in expected);
  if (text(Object.fromEntries(known)) !== text(expected)) fail(what, text(expected), actual);
}

/** Fails unless `actual` is a number from `min` to `max`. */
export function between(actual: unknown, min: number, max: number, what: string): void {
  if (typeof actual === "number" && actual >= min && actual <= max) return;
  fail(what, `${min} to ${max}`, actual);
}

/** Fails unless it rejects with an error that has these fields. */
export async function rejects(
  answer: Promise<unknown>,
  expected: object,
  what: string,
): Promise<void> {
  const outcome = await answer.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("value" in outcome) fail(what, `a rejection with ${text(expected)}`, outcome.value);
  const { error } = outcome;
  for (const [name, value] of Object.entries(expected)) {
    const actual: unknown =
      typeof error === "object" && error !== null && name in error
        ? (error as Record<string, unknown>)[name]
        : undefined;
    if (actual !== value) fail(`${what}: ${name}`, text(value), error);
  }
}

function fail(what: string, expected: string, actual: unknown): never {
  const seen = actual instanceof Error ? String(actual) : text(actual);
  throw new Error(`${what}: expected ${expected}, but got ${seen}`, { cause: actual });
}

/** JSON with sorted fields; undefined fields are as absent ones. */
function text(value: unknown): string {
  const sorted = (_: string, inner: unknown): unknown =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(
          Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)),
        )
      : inner;
  return JSON.stringify(value, sorted) ?? String(value);
}
