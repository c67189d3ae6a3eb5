import { createRequire } from "node:module";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { bin, buildPackage, run, type BuiltPackage } from "../support/built-package.ts";

let built: BuiltPackage;
beforeAll(async () => {
  built = await buildPackage();
});
afterAll(async () => {
  await built.remove();
});

// A compiler starts slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 });

const { "./package.json": _, ...subpaths } = manifest.exports;

/** The little that is needed here of the compiler's API, which TypeScript 7 no longer has. */
interface Compiler {
  readonly version: string;
  readonly SymbolFlags: Readonly<
    Record<"Alias" | "Class" | "Function" | "Interface" | "TypeAlias" | "Variable", number>
  >;
  createProgram(files: readonly string[], options: object): Program;
}
interface Program {
  getSourceFile(file: string): object | undefined;
  getTypeChecker(): {
    getSymbolAtLocation(node: object): NamedSymbol | undefined;
    getExportsOfModule(module: NamedSymbol): NamedSymbol[];
    getAliasedSymbol(symbol: NamedSymbol): NamedSymbol;
  };
}
interface NamedSymbol {
  readonly name: string;
  readonly flags: number;
}

// The compiler that attw brings: an old one, and as a package of its own it would take the name `tsc`.
const requireFromAttw = createRequire(fileURLToPath(import.meta.resolve("@arethetypeswrong/core")));
const classic = requireFromAttw("typescript") as Compiler;
const classicTsc = path.join(path.dirname(requireFromAttw.resolve("typescript")), "tsc.js");

it("the types are found, and right, by every resolver", async () => {
  // Exits with an error for every problem it finds.
  const { stdout } = await run(bin("attw"), [built.tarball, "--profile", "strict"]);
  for (const name of Object.keys(subpaths)) {
    expect(stdout).toContain(`"${path.posix.join("leasehold", name)}"`);
  }
});

it("every subpath exports the types that are written down, in both formats", async () => {
  const files = Object.entries(subpaths).map(([subpath, { import: esm, require: cjs }]) => {
    const declarations = [esm.types, cjs.types].map((file) => path.join(built.folder, file));
    return [subpath, declarations] as const;
  });
  const program = classic.createProgram(
    files.flatMap(([, declarations]) => declarations),
    // Nothing but our own declarations: their names do not depend on others.
    { noLib: true, types: [] },
  );
  const checker = program.getTypeChecker();
  const kindOf = (symbol: NamedSymbol): string => {
    const { Alias, ...kinds } = classic.SymbolFlags;
    const target = symbol.flags & Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const names = ["Class", "Function", "Interface", "TypeAlias", "Variable"] as const;
    return names.filter((name) => target.flags & kinds[name]).join(" and ");
  };
  const exportsOf = (file: string): readonly string[] => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`no module: ${file}`);
    const symbols = checker.getExportsOfModule(module);
    return symbols.map((symbol) => `${symbol.name}: ${kindOf(symbol)}`).toSorted();
  };
  for (const format of [0, 1]) {
    const found = files.map(([subpath, declarations]) => [
      subpath,
      exportsOf(declarations[format] ?? ""),
    ]);
    // The same snapshot for both formats.
    await expect(Object.fromEntries(found)).toMatchFileSnapshot("__snapshots__/types.snap");
  }
});

/** A program that fails to compile when types are missing, wrong, or `any`. */
const core = `
import { LockService, isLockError, type Lock } from "leasehold";
import { locks, withLock } from "leasehold/hono";
import { MemoryDatabase } from "leasehold/testing";
import { upstash } from "leasehold/upstash";

interface Env {
  UPSTASH_REDIS_REST_URL: string;
  UPSTASH_REDIS_REST_TOKEN: string;
}
declare const env: Env;
export const databases = [upstash(env), new MemoryDatabase()] as const;
export const service = new LockService({ database: databases[0] });
export const handlers = [locks(() => service), withLock({ key: "key" })];
export async function work(): Promise<string> {
  await using lock: Lock = await service.acquire("key");
  return lock.token;
}
// @ts-expect-error A boolean.
export const wrong: number = isLockError(undefined);
`;
const withNest = `${core}
import { LOCK_SERVICE, LocksModule } from "leasehold/nestjs";
export const nest = LocksModule.forRoot(service);
export const provided: symbol = LOCK_SERVICE;
// @ts-expect-error A module.
export const wrongNest: number = nest;
`;

it.each([
  // The default of `commonjs` is the resolver that does not know `exports`.
  ["classic", { module: "commonjs" }, { "app.ts": withNest }],
  // NestJS 12 is ESM, which this compiler lets no CommonJS import.
  ["classic", { module: "node16" }, { "app.mts": withNest, "app.cts": core }],
  ["current", { module: "nodenext" }, { "app.mts": withNest, "app.cts": withNest }],
  ["current", { module: "esnext", moduleResolution: "bundler" }, { "app.ts": withNest }],
] as const)("a %s TypeScript with %o compiles against the declarations", async (...row) => {
  const [compiler, options, files] = row;
  const name = `${compiler}-${options.module}`;
  for (const [file, code] of Object.entries(files)) {
    await writeFile(path.join(built.project, `${name}-${file}`), code);
  }
  const project = path.join(built.project, `tsconfig.${name}.json`);
  const compilerOptions = {
    ...options,
    strict: true,
    noEmit: true,
    // Declarations are checked too, without the types of `await using` or of Node.
    skipLibCheck: false,
    target: "ES2022",
    lib: ["ES2022", "DOM"],
    types: [],
  };
  const names = Object.keys(files).map((file) => `${name}-${file}`);
  await writeFile(project, JSON.stringify({ compilerOptions, files: names }));
  const command = { classic: [process.execPath, classicTsc], current: [bin("tsc")] }[compiler];
  const [program = "", ...args] = command;
  const { stdout } = await run(program, [...args, "-p", project], { cwd: built.project }).catch(
    // What the compiler says is in what it printed.
    (error: unknown) => error as { readonly stdout: string },
  );
  // Peers, which are links out of the project, may need what is left out here, such as the types of Node.
  const ours = stdout.split("\n").filter((line) => !/^\.\.\/|^\s|^$/.test(line));
  expect(ours).toEqual([]);
});

it("the classic TypeScript is old enough to stand for what users have", () => {
  expect(classic.version).toMatch(/^5\.[6-9]\./);
});
