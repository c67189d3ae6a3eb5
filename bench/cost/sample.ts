/** In another order each time, so that none always runs after the same other. */
export function shuffled<T>(items: readonly T[]): readonly T[] {
  const keyed = items.map((item) => [Math.random(), item] as const);
  return keyed.toSorted(([one], [other]) => one - other).map(([, item]) => item);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param part from 0, the least, to 1, the greatest */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] ?? NaN;
}
