import { MemoryDatabase } from "../../src/testing/index.ts";

// A user's module, as loaded by Database.load.

export const database: MemoryDatabase = new MemoryDatabase();
export const notADatabase = { get: (): null => null };
export const nothing = null;
export const text = "a database";
