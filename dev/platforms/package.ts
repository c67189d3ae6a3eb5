import { cp, readFile, readdir, symlink } from "node:fs/promises";
import path from "node:path";
import { installEnvironment } from "./environment.ts";
import { runProgram } from "./program.ts";

export const ROOT: string = path.join(import.meta.dirname, "../..");

const NOT_COPIED = new Set(["node_modules", "dist", "coverage", ".git", ".cache", ".wrangler"]);

/**
 * Builds the package and packs it into `folder`, as a release would; the path of the tarball. In a copy
 * of the repository: two runs at once must not write the same files.
 */
export async function packPackage(folder: string, signal: AbortSignal): Promise<string> {
  const copy = path.join(folder, "repository");
  const filter = (file: string): boolean => !NOT_COPIED.has(path.relative(ROOT, file));
  await cp(ROOT, copy, { recursive: true, filter });
  await symlink(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
  // The build needs this repository's own Node and compiler.
  const options = { cwd: copy, env: process.env, timeoutMs: 300_000, signal };
  const manifest = JSON.parse(await readFile(path.join(copy, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  if (manifest.scripts["prepack"] === undefined) {
    await runProgram("npm", ["run", "build"], options);
  }
  await runProgram("npm", ["pack", "--pack-destination", folder], options);
  const [tarball, ...others] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  if (tarball === undefined || others.length > 0) throw new Error("npm pack left no tarball.");
  return path.join(folder, tarball);
}

/** The first snippet of the README: the program a newcomer tries first. */
export async function firstSnippet(): Promise<string> {
  const readme = await readFile(path.join(ROOT, "README.md"), "utf8");
  const code = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1];
  if (code === undefined) throw new Error("The README has no snippet.");
  return code;
}

/** The version of the `node` that projects run on. */
export async function hostNode(cwd: string, signal: AbortSignal): Promise<string> {
  const options = { cwd, env: installEnvironment(), timeoutMs: 10_000, signal };
  return (await runProgram("node", ["--version"], options)).trim();
}
