/** Lines for people: numbers with thousands, one column for what and one for how much. */
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

/** One line that changes in a terminal; a line now and then where there is none. */
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
