import { ManualRuntime, MemoryDatabase } from "../../src/testing/index.ts";
import { describeConformance } from "../support/conformance-suite.ts";

describeConformance("MemoryDatabase", {
  backend: async () => {
    const runtime = new ManualRuntime();
    const database = new MemoryDatabase({ runtime });
    const { store } = database;
    return {
      database,
      storage: {
        read: async (name) => store.get(name) ?? null,
        write: async (name, text, ttlMs) => store.set(name, text, ttlMs),
        remove: async (name) => void store.delete(name),
        remainingMs: async (name) => store.remainingMs(name),
      },
      pass: (ms) => runtime.advance(ms),
      setFull: async (isFull) => {
        store.isFull = isFull;
      },
    };
  },
  lacks: ["holds nothing but text"],
});
