import { defineProject } from "vitest/config";

/** Everything that runs in Node: against real Redis through the REST front, but for pure units. */
export default defineProject({
  test: {
    name: "node",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    exclude: ["workerd/**"],
    globalSetup: ["./support/redis-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
