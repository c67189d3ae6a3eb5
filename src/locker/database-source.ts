import type { DatabaseModule } from "../database/database-module.ts";
import { Database, isDatabase } from "../database/database.ts";
import { checkOperations } from "../database/operations.ts";

/** The database of a Locker, which may first have to be loaded from a module. */
export class DatabaseSource {
  /** Undefined until its module is loaded. */
  current: Database | undefined;
  readonly #source: Database | DatabaseModule;
  #loading: Promise<Database> | undefined;

  /** @throws LockConfigurationError */
  constructor(source: Database | DatabaseModule) {
    this.#source = source;
    if (isDatabase(source)) this.current = checked(source);
  }

  /** @throws LockConfigurationError when the module cannot be loaded, or exports no Database */
  async load(): Promise<Database> {
    if (this.current !== undefined) return this.current;
    this.#loading ??= resolve(this.#source);
    try {
      this.current = await this.#loading;
      return this.current;
    } catch (error) {
      // The next use retries.
      this.#loading = undefined;
      throw error;
    }
  }
}

async function resolve(source: Database | DatabaseModule): Promise<Database> {
  return checked(isDatabase(source) ? source : await Database.load(source));
}

function checked(database: Database): Database {
  checkOperations(database);
  return database;
}
