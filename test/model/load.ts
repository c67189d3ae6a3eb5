import { readFile } from "node:fs/promises";
import path from "node:path";
import { build as bundle } from "esbuild";
import type { Mutant } from "./mutants.ts";
import type * as simulation from "./simulation.ts";

const SRC = path.join(import.meta.dirname, "../../src");

/** The simulator with its own copy of src that has a bug. Throws unless the text occurs exactly once. */
export async function loadWith({ name, file, find, replace }: Mutant): Promise<typeof simulation> {
  const target = path.join(SRC, file);
  const bundled = await bundle({
    entryPoints: [path.join(import.meta.dirname, "simulation.ts")],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node22",
    plugins: [
      {
        name: "mutate",
        setup(build) {
          build.onLoad({ filter: /\.ts$/ }, async ({ path: loaded }) => {
            if (loaded !== target) return undefined;
            const text = await readFile(loaded, "utf8");
            const found = text.split(find);
            if (found.length !== 2) {
              throw new Error(
                `"${name}": its text occurs ${found.length - 1} times in src/${file}`,
              );
            }
            return { contents: found.join(replace), loader: "ts" };
          });
        },
      },
    ],
  });
  const [output] = bundled.outputFiles;
  if (output === undefined) throw new Error("esbuild produced no output");
  const code = Buffer.from(output.contents).toString("base64");
  return (await import(`data:text/javascript;base64,${code}`)) as typeof simulation;
}
