import { show } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";

/** Where to find a Database: a module, and what it exports it as. */
export interface DatabaseModule {
  /** A package, a `file:` URL or an absolute path: anything `import()` takes from anywhere. */
  readonly moduleName: string;
  readonly exportName: string;
}

/**
 * What a module exports, if it is a Database.
 *
 * @throws LockConfigurationError when the module cannot be loaded or exports no Database there
 */
export async function importDatabase<T>(
  { moduleName, exportName }: DatabaseModule,
  isDatabase: (value: unknown) => value is T,
): Promise<T> {
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(/* @vite-ignore */ moduleName)) as typeof module;
  } catch (cause) {
    throw new LockConfigurationError("moduleName", `${show(moduleName)} does not load`, cause);
  }
  const found = module[exportName];
  if (isDatabase(found)) return found;
  throw new LockConfigurationError(
    "exportName",
    `export ${show(exportName)} of ${show(moduleName)} is no Database, but ${show(found)}`,
  );
}
