/** One row of the demo's results. */
export interface Finding {
  readonly what: string;
  readonly result: string;
  /** Whether it is what the library guarantees, or what the demo needs to prove anything at all. */
  readonly ok: boolean;
}

/** Human-readable: what was done, the result, and whether it is as expected. */
export function formatTable(findings: readonly Finding[]): string {
  const width = (of: (finding: Finding) => string): number =>
    Math.max(...findings.map((finding) => of(finding).length));
  const first = width(({ what }) => what);
  const second = width(({ result }) => result);
  const rule = `  ${"─".repeat(first)}  ${"─".repeat(second)}  ───`;
  const rows = findings.map(
    ({ what, result, ok }) =>
      `  ${what.padEnd(first)}  ${result.padEnd(second)}  ${ok ? "ok" : "NO"}`,
  );
  return [rule, ...rows, rule].join("\n");
}
