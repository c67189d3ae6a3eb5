import { expect, it } from "vitest";
import { buildSite } from "../../dev/docs/site.ts";

const build = (pages: Readonly<Record<string, string>>) =>
  buildSite(new Map(Object.entries(pages)), (file) => file === "src/index.ts");

it("links between pages lead to their HTML, whatever folders they are in", () => {
  const { files, deadLinks } = build({
    "README.md": "# Start\n\n[on](docs/a/b.md#two-words)",
    "docs/a/b.md": "# B\n\n## Two `words`!\n\n[back](../../README.md) [code](../../src/index.ts)",
  });
  expect(deadLinks).toEqual([]);
  expect(files.get("index.html")).toContain('<a href="docs/a/b.html#two-words">on</a>');
  expect(files.get("docs/a/b.html")).toContain('<a href="../../index.html">back</a> code');
});

it.each(["missing.md", "b.md#missing", "#missing", "src/missing.ts"])(
  "a link to %s, which does not exist, is found",
  (href) => {
    const { deadLinks } = build({ "a.md": `# A\n\n[dead](${href})`, "b.md": "# B" });
    expect(deadLinks).toEqual([`a.md: ${href}`]);
  },
);

it("headings of the same text have anchors of their own, as on GitHub", () => {
  const { deadLinks } = build({ "a.md": "# A\n\n## Keys\n\n## Keys\n\n[x](#keys) [y](#keys-1)" });
  expect(deadLinks).toEqual([]);
});
