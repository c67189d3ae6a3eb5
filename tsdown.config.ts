import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "tsdown";

/** The subpaths: `src/index.ts`, and every folder of src/ that has an `index.ts` of its own. */
const folders = readdirSync("src").filter((name) => existsSync(`src/${name}/index.ts`));

/** Published without comments and indentation, the scripts are smaller, on the wire as well. */
const stripLua = {
  name: "strip-lua",
  transform(code: string, id: string): string | undefined {
    if (!/[\\/]redis[\\/]lua[\\/]/.test(id)) return undefined;
    return code.replaceAll(/^[ \t]*(?:--(?! leasehold:).*\n)?/gm, "");
  },
};

const library = defineConfig({
  entry: {
    index: "src/index.ts",
    ...Object.fromEntries(folders.map((name) => [name, `src/${name}/index.ts`])),
  },
  tsconfig: "src/tsconfig.json",
  format: ["esm", "cjs"],
  platform: "neutral",
  target: "es2022",
  // No source maps: the code is not minified.
  sourcemap: false,
  dts: { sourcemap: false },
  // `await using` needs types that no `lib` below ESNext has. TypeScript brings them itself when asked.
  banner: ({ fileName }) =>
    /\.d\.c?ts$/.test(fileName) ? '/// <reference lib="esnext.disposable" />' : undefined,
  // A stable name in stack traces.
  hash: false,
  outputOptions: {
    // "use strict" in CommonJS: the sources are modules, which are strict.
    strict: true,
    // The documentation is in the declarations, where editors look for it.
    comments: { jsdoc: false },
    codeSplitting: {
      // One file with everything that several subpaths use, loaded once for all of them: a class must
      // not exist twice, and one file loads faster than many. Declarations need a name of their own,
      // or they overwrite the code.
      groups: [
        { name: "shared", test: /(?<!\.d)\.ts$/, minShareCount: 2 },
        { name: "shared.d", test: /\.d\.ts$/, minShareCount: 2 },
      ],
    },
  },
  plugins: [stripLua],
  // What is bundled by mistake, such as a peer, or a name that clashes, ends the build.
  deps: { onlyBundle: [] },
  failOnWarn: true,
  logLevel: "warn",
});

/** `npx leasehold`: one file with all it needs, so that nothing of it is in what the library loads. */
const commandLine = defineConfig({
  entry: { cli: "src/cli/main.ts" },
  format: "esm",
  platform: "node",
  target: "node20",
  fixedExtension: false,
  sourcemap: false,
  dts: false,
  clean: false,
  hash: false,
  outputOptions: { comments: { jsdoc: false } },
  plugins: [stripLua],
  deps: { onlyBundle: [] },
  failOnWarn: true,
  logLevel: "warn",
});

export default [library, commandLine];
