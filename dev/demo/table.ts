/** One line of what the demo has found out. */
export interface Finding {
  readonly what: string;
  readonly result: string;
  /** Whether it is what the library promises, or what the demonstration needs in order to mean something. */
  readonly ok: boolean;
}

/** For people: what was done, what came of it, and whether that is as it should be. */
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
