import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/built-package.ts";

const FOLDERS = ["src", "test", "dev", "docs", "worker"];
const isCode = (file: string): boolean => file.endsWith(".ts") && !file.endsWith(".d.ts");

/** Every file of the repository that a document may name, relative to its root. */
async function listFiles(): Promise<string[]> {
  const lists = FOLDERS.map(async (folder) => {
    const names = await readdir(path.join(ROOT, folder), { recursive: true });
    return names.map((name) => path.posix.join(folder, ...name.split(path.sep)));
  });
  return [await readdir(ROOT), ...(await Promise.all(lists))].flat();
}

const read = (file: string): Promise<string> => readFile(path.join(ROOT, file), "utf8");
/** Text without the line breaks that a formatter may put anywhere. */
const unwrapped = (text: string): string => text.replaceAll(/\s+/g, " ");

const files = await listFiles();
const decisions = files.filter((file) => /^docs\/.*\.md$/.test(file));
const documents = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "test/README.md"];
const architecture = await read("ARCHITECTURE.md");

describe.each([...documents, ...decisions])("%s", (document) => {
  it("links to what exists", async () => {
    const links = [...(await read(document)).matchAll(/\]\((?!https?:)([^)#\s]+)/g)];
    const targets = links.map(([, target = ""]) => path.join(path.dirname(document), target));
    expect(targets.filter((target) => !existsSync(path.join(ROOT, target)))).toEqual([]);
  });

  it("names files and folders that exist", async () => {
    const text = (await read(document)).replaceAll(/^```.*?^```$/gms, "");
    const named = [...text.matchAll(/`([\w./-]+)`/g)].map(([, name = ""]) => name);
    const missing = named.filter((name) => {
      if (FOLDERS.includes(name.split("/")[0] ?? "")) return !existsSync(path.join(ROOT, name));
      // A file by its name alone, or with its folder.
      return /\w\.(?:ts|md)$/.test(name) && !files.some((file) => `/${file}`.endsWith(`/${name}`));
    });
    expect(missing).toEqual([]);
  });
});

describe("ARCHITECTURE.md", () => {
  it("has a heading for every rule that the code and its tests name", async () => {
    const code = files.filter((file) => /^(?:src|test)\//.test(file) && isCode(file));
    const texts = await Promise.all(code.map(read));
    const named = new Set(texts.flatMap((text) => text.match(/\bR[1-9]\d?\b/g) ?? []));
    const headings: readonly string[] = architecture.match(/(?<=^### )R\d+(?= )/gm) ?? [];
    expect(headings).toEqual(Array.from({ length: 12 }, (_, index) => `R${index + 1}`));
    expect([...named].filter((rule) => !headings.includes(rule))).toEqual([]);
  });

  it("cites tests by the names they have", async () => {
    // A file, then one name of a test in it or several.
    const citation = /`((?:src|test)\/[\w./-]+\.ts)`((?:,? "[^"]+")+)/g;
    const cited = [...unwrapped(architecture).matchAll(citation)].flatMap(([, file = "", names]) =>
      [...(names ?? "").matchAll(/"([^"]+)"/g)].map(([, name = ""]) => ({ file, name })),
    );
    const citedRules = cited.filter(({ name }) => /^R\d/.test(name));
    expect(citedRules).toHaveLength([...architecture.matchAll(/"R\d/g)].length);
    const wrong: string[] = [];
    for (const { file, name } of cited) {
      if (!unwrapped(await read(file)).includes(`"${name}"`)) wrong.push(`${file}: ${name}`);
    }
    expect(wrong).toEqual([]);
  });
});
