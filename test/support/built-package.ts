import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import manifest from "../../package.json" with { type: "json" };

export const ROOT: string = path.join(import.meta.dirname, "../..");
export const run = promisify(execFile);

/** The path of a command that the repository has installed. */
export function bin(name: string): string {
  return path.join(ROOT, "node_modules/.bin", name);
}

/** The package as it would be published, and a project that has it installed. */
export interface BuiltPackage {
  readonly tarball: string;
  /** What the tarball contains. */
  readonly folder: string;
  readonly project: string;
  remove(): Promise<void>;
}

/** All that a build reads: what a clean checkout has, but for the tests and tools. */
const SOURCES = [
  "src",
  "package.json",
  "tsconfig.json",
  "tsdown.config.ts",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
];
const PEERS = ["hono", "@upstash", "@nestjs", "reflect-metadata", "rxjs"];
/** What else the documents' examples import. */
const SCHEDULERS = ["croner", "node-cron"];

/** Packs the package as `npm publish` would, without a build before it, and installs it. */
export async function buildPackage(): Promise<BuiltPackage> {
  const temporary = await mkdtemp(path.join(tmpdir(), "leasehold-package-"));
  const checkout = path.join(temporary, "checkout");
  for (const name of SOURCES) {
    await cp(path.join(ROOT, name), path.join(checkout, name), { recursive: true });
  }
  await symlink(path.join(ROOT, "node_modules"), path.join(checkout, "node_modules"));
  await run("npm", ["pack", "--pack-destination", temporary], { cwd: checkout });
  const tarball = path.join(temporary, `${manifest.name}-${manifest.version}.tgz`);
  await run("tar", ["-xzf", tarball, "-C", temporary]);
  const folder = path.join(temporary, "package");

  const project = path.join(temporary, "project");
  const modules = path.join(project, "node_modules");
  await mkdir(modules, { recursive: true });
  // A copy, as the installed package must find its peers in the project.
  await cp(folder, path.join(modules, manifest.name), { recursive: true });
  for (const name of [...PEERS, ...SCHEDULERS]) {
    await symlink(path.join(ROOT, "node_modules", name), path.join(modules, name));
  }
  return {
    tarball,
    folder,
    project,
    remove: () => rm(temporary, { recursive: true, force: true }),
  };
}
