export {
  conformanceCases,
  type ConformanceCase,
  type ConformanceResult,
} from "./conformance/conformance.ts";
export type { ConformanceBackend } from "./conformance/definition.ts";
export type { RawStorage, StoredName } from "./conformance/raw-storage.ts";
export type { DatabaseOperation, Fault, FaultScope, InjectedFault } from "./fault.ts";
export { FaultyDatabase, type FaultyDatabaseOptions } from "./faulty-database.ts";
export { ManualRuntime, type ManualRuntimeOptions } from "./manual-runtime.ts";
export { MemoryDatabase, type MemoryDatabaseOptions } from "./memory-database.ts";
export { MemoryStore } from "./memory-store.ts";
