import type { Project } from "./project.ts";

/** A place where people run the package: a project in the folder of that name, and what it must show. */
export interface Platform {
  readonly name: string;
  /** Installs the project, runs it and looks at what it does. Resolves with what it has shown. */
  readonly check: (project: Project) => Promise<string>;
}

/** npm could not install a package: not the library's fault, and `--allow-missing` skips it. */
export class CannotInstall extends Error {}
