import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["test/vitest.config.ts", "test/workerd/vitest.config.ts"],
    // Generous: they only end a test that hangs.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // For `npm run coverage`, which runs the tests in Node only: V8 cannot be asked inside workerd, so
    // what only the tests there reach counts as not covered. Types and re-exports, with nothing to
    // count, show as 0. The figures err low: V8 may count what follows `a ?? (await b)` with the `b`.
    coverage: {
      // Vitest looks from test/, the root of the only project that runs; src/ is outside of it.
      include: ["../src/**/*.ts"],
      allowExternal: true,
      // The terminal only, wide enough for the names.
      reporter: [["text", { maxCols: 120 }]],
    },
  },
});
