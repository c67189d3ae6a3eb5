import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { publint } from "publint";
import { afterAll, beforeAll, expect, it } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { ROOT, buildPackage, run, type BuiltPackage } from "../support/built-package.ts";

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(async () => {
  await built.remove();
});

const { "./package.json": _, ...subpaths } = manifest.exports;
/** What users write: "leasehold", "leasehold/hono", … */
const specifiers = Object.keys(subpaths).map((subpath) => path.posix.join("leasehold", subpath));
const formats = ["import", "require"] as const;

const distFiles = (): string[] => readdirSync(path.join(built.folder, "dist"));
const distFile = (file: string): Promise<string> =>
  readFile(path.join(built.folder, "dist", file), "utf8");

/** What a program prints that runs in the project; `load` is `import` or `require` of a module. */
async function runInProject(source: string): Promise<string> {
  const program = `
    import { createRequire } from "node:module";
    const require = createRequire(process.cwd() + "/");
    const load = { import: (name) => import(name), require };
    ${source}`;
  const { stdout, stderr } = await run(process.execPath, ["--input-type=module", "-e", program], {
    cwd: built.project,
  });
  expect(stderr).toBe("");
  return stdout;
}

it("the manifest has no mistake that publint knows", async () => {
  const { messages } = await publint({ pkgDir: built.folder, strict: true, pack: false });
  expect(messages).toEqual([]);
});

it("every folder of src with an index.ts is a subpath, in both formats, types first", () => {
  const folders = readdirSync(path.join(ROOT, "src")).filter((name) =>
    existsSync(path.join(ROOT, "src", name, "index.ts")),
  );
  const condition = (name: string, script: string, types: string): [string, string][] => [
    ["types", `./dist/${name}${types}`],
    ["default", `./dist/${name}${script}`],
  ];
  // Entries, as the order of conditions decides.
  const found = Object.entries(subpaths).map(([subpath, conditions]) => [
    subpath,
    Object.entries(conditions).map(([format, files]) => [format, Object.entries(files)]),
  ]);
  const names = [[".", "index"], ...folders.map((name) => [`./${name}`, name])];
  const expected = names.map(([subpath, name = ""]) => [
    subpath,
    [
      ["import", condition(name, ".js", ".d.ts")],
      ["require", condition(name, ".cjs", ".d.cts")],
    ],
  ]);
  const bySubpath = (entries: unknown[][]): unknown => Object.fromEntries(entries);
  expect(bySubpath(found)).toEqual(bySubpath(expected));
});

it("there is no runtime dependency, and every peer is optional", () => {
  expect(manifest).not.toHaveProperty("dependencies");
  const optional = Object.entries(manifest.peerDependenciesMeta)
    .filter(([, meta]) => meta.optional)
    .map(([name]) => name);
  expect(optional.toSorted()).toEqual(Object.keys(manifest.peerDependencies).toSorted());
});

it("the tarball contains these files and no others", () => {
  const files = readdirSync(built.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(built.folder, path.join(entry.parentPath, entry.name)));
  expect(files.toSorted()).toMatchSnapshot();
});

it("no file refers to a source map that is not there", async () => {
  for (const file of distFiles()) {
    const [, map] = /^\/\/# sourceMappingURL=(.*)$/m.exec(await distFile(file)) ?? [];
    if (map !== undefined) expect(distFiles(), file).toContain(map);
  }
});

it.each([".js", ".cjs"])("no module of the sources is in two %s files", async (extension) => {
  const seen: string[] = [];
  // The command line is one file by itself.
  const files = distFiles().filter((name) => path.extname(name) === extension && name !== "cli.js");
  for (const file of files) {
    const names = (await distFile(file)).matchAll(/^\/\/ (src\/.*\.ts)$/gm);
    seen.push(...[...names].map(([, name = ""]) => name));
  }
  expect(seen).toContain("src/errors.ts");
  expect(seen.toSorted()).toEqual([...new Set(seen)].toSorted());
});

it.each(formats)("every subpath exports what is written down, to %s", async (format) => {
  const printed = await runInProject(`
    const names = {};
    for (const specifier of ${JSON.stringify(specifiers)}) {
      names[specifier] = Object.keys(await load.${format}(specifier)).toSorted();
    }
    console.log(JSON.stringify(names));`);
  // The same snapshot for both formats.
  await expect(JSON.parse(printed)).toMatchFileSnapshot("__snapshots__/values.snap");
});

it.each(formats)("no subpath does anything when it is loaded by %s", async (format) => {
  // What the peers do when they are loaded is theirs.
  const printed = await runInProject(`
    const count = () => process.getActiveResourcesInfo().length;
    for (const peer of ${JSON.stringify(Object.keys(manifest.peerDependencies))}) {
      await load.${format}(peer);
    }
    for (const specifier of ${JSON.stringify(specifiers)}) {
      const before = count();
      await load.${format}(specifier);
      if (count() > before) throw new Error(specifier + " does something");
    }`);
  expect(printed).toBe("");
});

it("what is published needs no lowering", async () => {
  for (const file of distFiles().filter((name) => !/\.d\.c?ts$/.test(name))) {
    expect(await distFile(file), file).not.toMatch(/\bawait using\b|^\s*@\w+/m);
  }
});

it.each(formats)("the subpaths share their classes when loaded by %s", async (format) => {
  const printed = await runInProject(`
    const main = await load.${format}("leasehold");
    const nestjs = await load.${format}("leasehold/nestjs");
    const { MemoryDatabase } = await load.${format}("leasehold/testing");
    console.log(
      nestjs.LockNotOwnedError === main.LockNotOwnedError,
      new MemoryDatabase() instanceof main.Database,
      new main.LockConfigurationError("ttl", "is wrong").name,
    );`);
  expect(printed).toBe("true true LockConfigurationError\n");
});

it("two copies in one process recognize each other's errors", async () => {
  const printed = await runInProject(`
    const copies = [await load.import("leasehold"), load.require("leasehold")];
    for (const [ours, theirs] of [copies, copies.toReversed()]) {
      const error = new theirs.LockConfigurationError("ttl", "is wrong");
      console.log(
        error instanceof ours.LockError,
        ours.isLockError(error),
        ours.isLockError(error, "LOCK_CONFIGURATION"),
        ours.isLockError(error, "LOCK_LOST"),
      );
    }`);
  expect(printed).toBe("false true true false\n".repeat(2));
});

it("the command line runs as it is installed, and the library loads nothing of it", async () => {
  const file = path.join(built.project, "node_modules/leasehold", manifest.bin.leasehold);
  const { stdout } = await run(process.execPath, [file, "--version"]);
  expect(stdout).toBe(`${manifest.version}\n`);
  expect(await readFile(file, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  const library = distFiles().filter((name) => /\.c?js$/.test(name) && name !== "cli.js");
  for (const name of library) expect(await distFile(name), name).not.toMatch(/src\/cli\/|cli\.js/);
});

// What a user's bundle grows by, in bytes: raise a budget only for what is worth it.
it.each([
  ['export * from "leasehold"', 27_300],
  ['export { LockService } from "leasehold"; export * from "leasehold/upstash"', 24_600],
  ['export * from "leasehold/upstash"', 13_000],
  ['export * from "leasehold/hono"', 18_300],
  ['export * from "leasehold/web"', 18_100],
  ['export * from "leasehold/cloudflare"', 15_100],
  ['export * from "leasehold/nestjs"', 17_300],
  ['export * from "leasehold/vercel"', 15_100],
  ['export * from "leasehold/cron"', 14_400],
  ['export * from "leasehold/telemetry"', 3_300],
])("%s adds no more than %i bytes, minified and gzipped", async (contents, limit) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: built.project },
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    external: Object.keys(manifest.peerDependencies),
  });
  const bytes = outputFiles.map((output) => gzipSync(output.contents).length);
  console.log(`${contents}: ${bytes.join()} bytes`);
  expect(bytes[0]).toBeLessThanOrEqual(limit);
});

it("loads about as fast as the client it is used with", async () => {
  const times: Record<string, number[]> = { leasehold: [], "@upstash/redis": [] };
  // In turn, and the fastest of several, as other programs disturb the measurement.
  for (let round = 0; round < 3; round += 1) {
    for (const [name, ms] of Object.entries(times)) {
      const printed = await runInProject(`
        const start = performance.now();
        await import("${name}");
        console.log(performance.now() - start);`);
      ms.push(Number(printed));
    }
  }
  const [ours = NaN, client = NaN] = Object.values(times).map((ms) => Math.min(...ms));
  const ratio = ours / client;
  console.log(
    `import: leasehold ${ours.toFixed(1)} ms, @upstash/redis ${client.toFixed(1)} ms, ratio ${ratio.toFixed(2)}`,
  );
  expect(ratio).toBeLessThan(5);
});
