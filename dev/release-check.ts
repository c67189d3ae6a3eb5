import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

/** What a release is made from. */
export interface Release {
  readonly manifest: Readonly<Record<string, unknown>> & { readonly version: string };
  readonly changelog: string;
  /** What `git status --porcelain` prints: nothing when everything is committed. */
  readonly status: string;
}

/** Left to whoever publishes: npm shows them, and nobody else can know them. */
const FIELDS = ["author", "homepage", "repository", "bugs"];

/** What still keeps the package from being published; empty when nothing does. */
export function releaseProblems({ manifest, changelog, status }: Release): string[] {
  const problems: string[] = [];
  const missing = FIELDS.filter((field) => isEmpty(manifest[field]));
  if (missing.length > 0) problems.push(`package.json lacks ${missing.join(", ")}`);
  if (!hasEntry(changelog, manifest.version)) {
    problems.push(`CHANGELOG.md has no entry "## ${manifest.version}"`);
  }
  if (status !== "") problems.push(`the working tree is not clean:\n${status.trimEnd()}`);
  return problems;
}

/** As a field left as npm writes it is: `""`, or an object without anything in it. */
function isEmpty(field: unknown): boolean {
  if (typeof field === "string") return field.trim() === "";
  return typeof field !== "object" || field === null || Object.values(field).every(isEmpty);
}

/** Whether a version has a heading, and something below it. A date may follow the version. */
function hasEntry(changelog: string, version: string): boolean {
  return changelog
    .split(/^## /m)
    .slice(1)
    .some((section) => {
      const [heading = "", ...text] = section.split("\n");
      const [name] = heading.split(" ");
      return (
        name?.replace(/^\[(.*)\]$/, "$1") === version && text.some((line) => line.trim() !== "")
      );
    });
}

async function main(): Promise<boolean> {
  const root = path.join(import.meta.dirname, "..");
  const read = (name: string): Promise<string> => readFile(path.join(root, name), "utf8");
  const git = promisify(execFile)("git", ["status", "--porcelain"], { cwd: root });
  const problems = releaseProblems({
    manifest: JSON.parse(await read("package.json")) as Release["manifest"],
    changelog: await read("CHANGELOG.md"),
    status: (await git).stdout,
  });
  for (const problem of problems) console.error(`Not ready for a release: ${problem}`);
  if (problems.length === 0) console.log("Ready for a release.");
  return problems.length === 0;
}

if (import.meta.main) process.exitCode = (await main()) ? 0 : 1;
