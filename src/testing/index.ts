export {
  conformanceCases,
  type ConformanceBackend,
  type ConformanceCase,
  type ConformanceResult,
} from "./conformance/conformance.ts";
export type { RawStorage, StoredName } from "./conformance/raw-storage.ts";
export type { DatabaseOperation, Fault, FaultScope, InjectedFault } from "./fault.ts";
export { FaultyDatabase, type FaultyDatabaseOptions } from "./faulty-database.ts";
export { ManualRuntime, type ManualRuntimeOptions } from "./manual-runtime.ts";
export { MemoryDatabase } from "./memory-database.ts";
export type { MemoryDatabaseOptions } from "./memory-primitives.ts";
export { MemoryStore } from "./memory-store.ts";
