import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["test/vitest.config.ts", "test/workerd/vitest.config.ts"],
    // Generous: they only end a test that hangs.
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
