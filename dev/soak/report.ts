/** Human-readable lines: labels in one column, numbers with thousands separators in the other. */
export function formatFigures(figures: readonly (readonly [string, string | number])[]): string {
  const width = Math.max(...figures.map(([what]) => what.length));
  return figures.map(([what, figure]) => `  ${what.padEnd(width)}  ${show(figure)}`).join("\n");
}

export function formatCounts(title: string, counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).toSorted(([, one], [, other]) => other - one);
  return `${title}\n${formatFigures(sorted)}`;
}

export function show(figure: string | number): string {
  return typeof figure === "number" ? figure.toLocaleString("en") : figure;
}

const LINE_EVERY_MS = 10_000;
const FRAME_MS = 200;

/** A status line that updates in place on a terminal; elsewhere, a new line now and then. */
export class ProgressLine {
  #shownAt = 0;

  show(text: string): void {
    const isTerminal = process.stdout.isTTY;
    const now = performance.now();
    if (now - this.#shownAt < (isTerminal ? FRAME_MS : LINE_EVERY_MS)) return;
    this.#shownAt = now;
    process.stdout.write(isTerminal ? `\r\u001b[2K${text}` : `${text}\n`);
  }

  clear(): void {
    if (process.stdout.isTTY) process.stdout.write("\r\u001b[2K");
  }
}
