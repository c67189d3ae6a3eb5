import { readFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { afterAll, beforeAll, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { bin, buildPackage, run, type BuiltPackage } from "../support/built-package.ts";

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(async () => {
  await built.remove();
});

const entries = Object.entries(manifest.exports).filter(([, file]) => file.endsWith(".js"));
const installed = (file: string): string =>
  path.join(built.project, "node_modules/leasehold", file);

it("publint finds no mistake in the manifest", async () => {
  const { messages } = await publint({ pkgDir: built.folder, strict: true });
  expect(messages).toEqual([]);
});

it("every ESM resolver finds the right types", async () => {
  // Exits with an error for every problem it finds.
  const { stdout } = await run(bin("attw"), ["--pack", built.folder, "--profile", "esm-only"]);
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
  const module: object = await import(installed(file));
  expect(Object.keys(module).toSorted()).toMatchSnapshot();
});

it.each(entries)("%s has no side effects when loaded, and needs no lowering", async (_, file) => {
  // Side effects of the peers do not count.
  const peers = Object.keys(manifest.peerDependencies).map((name) => `await import("${name}");`);
  const source = `${peers.join("\n")}
    const before = process.getActiveResourcesInfo().length;
    await import(${JSON.stringify(installed(file))});
    if (process.getActiveResourcesInfo().length > before) throw new Error("it has side effects");`;
  const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", source], {
    cwd: built.project,
  });
  expect(stdout + stderr).toBe("");
  expect(await readFile(installed(file), "utf8")).not.toMatch(/\bawait using\b|^\s*@\w+/m);
});

it.each([
  ["./dist/index.js", 18],
  ["./dist/hono/index.js", 12],
])("%s is no larger than %i kB, minified and gzipped", async (file, limit) => {
  const { outputFiles } = await build({
    entryPoints: [installed(file)],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    external: ["hono", "@upstash/redis"],
  });
  const bytes = outputFiles.map((output) => gzipSync(output.contents).length);
  expect(bytes[0]).toBeLessThanOrEqual(limit * 1024);
});
