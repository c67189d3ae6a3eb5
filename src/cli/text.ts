import type { JobEntry, LockEntry } from "../listing.ts";

/** What moves a terminal's cursor, recolours it, or turns its text around; keys and traces are hostile input. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/** Text of others as it may stand in a line: what a terminal would obey is spelled out. */
export function safe(text: string): string {
  return text.replaceAll(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

/** JSON that a terminal shows as it is, and that every parser reads back as it was. */
export function json(value: unknown): string {
  return JSON.stringify(value).replaceAll(UNPRINTABLE, (found) =>
    Array.from({ length: found.length }, (_, at) => {
      const unit = found.charCodeAt(at).toString(16).padStart(4, "0");
      return `\\u${unit}`;
    }).join(""),
  );
}

/** Columns, as wide as what stands in them. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `1.5 s`, `3 min`; `no expiry` for null. */
export function duration(ms: number | null): string {
  if (ms === null) return "no expiry";
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** A listing for people. */
export function table(entries: readonly (LockEntry | JobEntry)[]): string {
  const rows = entries.map((entry) => [safe(entry.key), ...cells(entry)]);
  return columns([["KEY", "STATE", "LEFT", "FENCE", "SINCE", "TRACE"], ...rows]);
}

function cells(entry: LockEntry | JobEntry): string[] {
  const { fence, remainingMs } = entry;
  const known = [duration(remainingMs), fence === null ? "-" : String(fence)];
  if (entry.kind === "job") {
    const state = entry.completedAt === null ? "unreadable" : "completed";
    return [state, ...known, safe(entry.completedAt ?? "-"), "-"];
  }
  const held = entry.alive ? "held" : "holder dead";
  const state = entry.holder === null ? "unreadable" : held;
  return [state, ...known, safe(entry.acquiredAt ?? "-"), safe(entry.trace ?? "-")];
}
