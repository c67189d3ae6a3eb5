import path from "node:path";

/** What `contended` found, for the picture. */
export const CONTENDED_FILE = path.join(import.meta.dirname, "../../.cache/bench/contended.json");

export interface ContendedTable {
  readonly title: string;
  readonly rows: readonly {
    readonly name: string;
    /** The whole time beside the limit. */
    readonly ratio: number;
    readonly requests: number;
  }[];
}

const WIDTH = 760;
const LEFT = 150;
const BAR = 16;
/** Of a bar, in pixels for each time the limit; longer ones are cut, and their figures tell. */
const SCALE = 80;
const MOST = 5;

/** Bars of the time beside the limit (the line), with the requests an operation. */
export function pictureOf(tables: readonly ContendedTable[]): string {
  const parts: string[] = [];
  let y = 28;
  for (const { title, rows } of tables) {
    parts.push(`<text x="8" y="${y}" class="title">${title}</text>`);
    y += 10;
    const top = y;
    for (const { name, ratio, requests } of rows) {
      const width = Math.min(ratio, MOST) * SCALE;
      const kind = name === "leasehold" ? "ours" : "other";
      const figures = `${ratio.toFixed(2)} × limit, ${requests.toFixed(1)} requests`;
      parts.push(
        `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${name}</text>`,
        `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" class="${kind}"/>`,
        `<text x="${(LEFT + width + 8).toFixed(1)}" y="${y + 12}">${figures}</text>`,
      );
      y += BAR;
    }
    parts.push(`<path d="M${LEFT + SCALE} ${top - 3}V${y}" class="limit"/>`);
    y += 28;
  }
  const style =
    "text{font:12px sans-serif;fill:#1f2328}.title{font-weight:bold}.ours{fill:#1a7f64}.other{fill:#8c959f}.limit{stroke:#cf222e;stroke-dasharray:3 2}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img"><title>Many wait for one lock: time beside the limit, and requests</title><style>${style}</style><rect width="100%" height="100%" fill="#fff"/>${parts.join("\n")}</svg>\n`;
}
