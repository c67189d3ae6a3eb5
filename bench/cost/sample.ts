/** In another order each time, so that none always runs after the same other. */
export function shuffled<T>(items: readonly T[]): readonly T[] {
  const keyed = items.map((item) => [Math.random(), item] as const);
  return keyed.toSorted(([one], [other]) => one - other).map(([, item]) => item);
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN;
}
