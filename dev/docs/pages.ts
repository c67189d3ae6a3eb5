import path from "node:path";

/** Markdown by its path in the repository, such as `docs/redis.md`. */
export type Pages = ReadonlyMap<string, string>;

export function titleOf(page: string, pages: Pages): string {
  return (/^# (.+)$/m.exec(pages.get(page) ?? "")?.[1] ?? page).replaceAll("`", "");
}

export function addressOf(page: string): string {
  return page === "README.md" ? "index.html" : page.replace(/\.md$/, ".html");
}

/** The address of a page, as seen from another. */
export function relative(from: string, to: string): string {
  return path.posix.relative(path.posix.dirname(addressOf(from)), addressOf(to));
}
