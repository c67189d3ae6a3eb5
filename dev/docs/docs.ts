// Builds the documentation as a site: `npm run docs`.
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { buildSite } from "./site.ts";

const root = path.join(import.meta.dirname, "../..");
const output = path.join(root, ".cache/docs");

const guides = (await readdir(path.join(root, "docs"), { recursive: true }))
  .filter((name) => name.endsWith(".md"))
  .map((name) => path.posix.join("docs", ...name.split(path.sep)));
const names = [
  "README.md",
  ...guides.toSorted(),
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "CHANGELOG.md",
  "test/README.md",
  "examples/README.md",
];
const pages = new Map<string, string>();
for (const name of names) pages.set(name, await readFile(path.join(root, name), "utf8"));

const { files, deadLinks } = buildSite(pages, (file) => existsSync(path.join(root, file)));
await rm(output, { recursive: true, force: true });
for (const [name, html] of files) {
  const file = path.join(output, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, html);
}
for (const link of deadLinks) console.error(`dead link in ${link}`);
console.log(
  `${files.size} pages, ${deadLinks.length} dead links: ${path.join(output, "index.html")}`,
);
if (deadLinks.length > 0) process.exitCode = 1;
