import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { afterAll, beforeAll, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };

const root = path.join(import.meta.dirname, "../..");
const execute = promisify(execFile);
let folder = "";

/** The package as it would be published, beside the dependencies of the repository. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "leasehold-package-"));
  const bin = path.join(root, "node_modules/.bin/tsc");
  await execute(bin, ["-p", path.join(root, "src"), "--outDir", path.join(folder, "dist")]);
  for (const file of ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]) {
    await cp(path.join(root, file), path.join(folder, file));
  }
  await symlink(path.join(root, "node_modules"), path.join(folder, "node_modules"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const entries = Object.entries(manifest.exports).filter(([, file]) => file.endsWith(".js"));

it("the manifest has no mistake that publint knows", async () => {
  const { messages } = await publint({ pkgDir: folder, strict: true });
  expect(messages).toEqual([]);
});

it("the types are found, and right, by every ESM resolver", async () => {
  const attw = path.join(root, "node_modules/.bin/attw");
  // Exits with an error for every problem it finds.
  const { stdout } = await execute(attw, ["--pack", folder, "--profile", "esm-only"]);
  for (const [name] of entries) expect(stdout).toContain(path.posix.join("leasehold", name));
});

it("there is no runtime dependency, and every peer is optional", () => {
  expect(manifest).not.toHaveProperty("dependencies");
  const optional = Object.entries(manifest.peerDependenciesMeta)
    .filter(([, meta]) => meta.optional)
    .map(([name]) => name);
  expect(optional.toSorted()).toEqual(Object.keys(manifest.peerDependencies).toSorted());
});

it.each(entries)("%s exports exactly what is written down", async (_, file) => {
  const module: object = await import(path.join(folder, file));
  expect(Object.keys(module).toSorted()).toMatchSnapshot();
});

it.each(entries)("%s does nothing when it is loaded, and needs no lowering", async (_, file) => {
  const source = `const before = process.getActiveResourcesInfo().length;
    await import(${JSON.stringify(path.join(folder, file))});
    if (process.getActiveResourcesInfo().length > before) throw new Error("it does something");`;
  // Syntax newer than ES2022 would be lowered by nobody.
  const text = await readFile(path.join(folder, file), "utf8");
  expect(text).not.toMatch(/await using|\busing \w+ =/);
  const { stdout, stderr } = await execute(process.execPath, ["--input-type=module", "-e", source]);
  expect(stdout + stderr).toBe("");
});

it.each([
  ["./dist/index.js", 16],
  ["./dist/hono/index.js", 16],
])("%s weighs no more than %i kB, minified and gzipped", async (file, limit) => {
  const { outputFiles } = await build({
    entryPoints: [path.join(folder, file)],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    external: ["hono", "@upstash/redis"],
  });
  const bytes = outputFiles.map((output) => gzipSync(output.contents).length);
  expect(bytes[0]).toBeLessThanOrEqual(limit * 1024);
});
