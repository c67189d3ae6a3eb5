import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

export const ROOT: string = path.join(import.meta.dirname, "../..");
export const run = promisify(execFile);

/** The path of a command installed in the repository. */
export function bin(name: string): string {
  return path.join(ROOT, "node_modules/.bin", name);
}

/** The package as it would be published, and a project that has it installed. */
export interface BuiltPackage {
  readonly folder: string;
  readonly project: string;
  remove(): Promise<void>;
}

const PEERS = ["hono", "@upstash", "@nestjs", "reflect-metadata", "rxjs"];

export async function buildPackage(): Promise<BuiltPackage> {
  const temporary = await mkdtemp(path.join(tmpdir(), "leasehold-package-"));
  const folder = path.join(temporary, "package");
  const project = path.join(temporary, "project");
  const modules = path.join(project, "node_modules");
  await mkdir(modules, { recursive: true });
  await run(bin("tsc"), ["-p", path.join(ROOT, "src"), "--outDir", path.join(folder, "dist")]);
  for (const file of ["package.json", "README.md", "LICENSE", "CHANGELOG.md"]) {
    await cp(path.join(ROOT, file), path.join(folder, file));
  }
  // A copy, because the installed package must find its peers in the project.
  await cp(folder, path.join(modules, "leasehold"), { recursive: true });
  for (const name of PEERS) {
    await symlink(path.join(ROOT, "node_modules", name), path.join(modules, name));
  }
  return { folder, project, remove: () => rm(temporary, { recursive: true, force: true }) };
}
