import type { Platform } from "./platform.ts";
import { ProgramError } from "./program.ts";
import type { Project } from "./project.ts";

interface Mode {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** In the modes of Node the extension makes a file ESM or CommonJS, each with its own declarations. */
  readonly extensions: readonly string[];
}

const MODES: readonly Mode[] = [
  { name: "node16", options: { module: "node16" }, extensions: ["mts", "cts"] },
  { name: "nodenext", options: { module: "nodenext" }, extensions: ["mts", "cts"] },
  {
    name: "bundler",
    options: { module: "esnext", moduleResolution: "bundler" },
    extensions: ["ts"],
  },
  { name: "commonjs", options: { module: "commonjs" }, extensions: ["ts"] },
];

/** Nest's declarations need Node's, which would hide that ours need them too. */
const PROGRAMS = [
  { program: "shop", options: { types: [] } },
  { program: "nest", options: { types: ["node"], experimentalDecorators: true } },
];

/** The compiler's errors; empty if there are none. */
async function compile(
  project: Project,
  mode: Mode,
  { program, options }: (typeof PROGRAMS)[number],
): Promise<string> {
  const files = mode.extensions.map((extension) => `${program}.${extension}`);
  const config = `tsconfig.${mode.name}.${program}.json`;
  const compilerOptions = { ...mode.options, ...options };
  await project.write(
    config,
    JSON.stringify({ extends: "./tsconfig.json", compilerOptions, files }),
  );
  try {
    await project.run("tsc", ["-p", config]);
    return "";
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    return `${mode.name}, ${files.join(" and ")}:\n${error.output}\n`;
  }
}

/** Every subpath, in every way a project resolves it, with the declarations themselves checked. */
async function checkTypescript(project: Project): Promise<string> {
  await project.install();
  let errors = "";
  for (const program of PROGRAMS) {
    const code = await project.read(`${program.program}.ts`);
    for (const extension of ["mts", "cts"]) {
      await project.write(`${program.program}.${extension}`, code);
    }
    for (const mode of MODES) errors += await compile(project, mode, program);
  }
  if (errors !== "") throw new Error(errors.trim());
  const version = await project.run("tsc", ["--version"]);
  const modes = MODES.map(({ name }) => name).join(", ");
  return `TypeScript ${version.replace("Version ", "")}, every subpath under ${modes}`;
}

export const typescript: Platform = { name: "typescript", check: checkTypescript };
