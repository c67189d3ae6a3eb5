import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["test/vitest.config.ts", "test/workerd/vitest.config.ts"],
    // Most tests wait for the network or for time, so that more of them than cores go well together.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    // Generous: they only end a test that hangs.
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
