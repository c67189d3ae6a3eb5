import { transform } from "esbuild";
import { availableParallelism } from "node:os";
import { defineProject } from "vitest/config";

/** Everything that runs in Node: against real Redis through the REST front, but for pure units. */
export default defineProject({
  plugins: [
    {
      // Vite leaves standard decorators as they are, and Node does not know them yet.
      name: "lower-standard-decorators",
      enforce: "pre",
      async transform(code, id) {
        if (!/\/test\/decorator\/[^?]*\.ts$/.test(id)) return undefined;
        return transform(code, {
          loader: "ts",
          target: "es2022",
          sourcemap: true,
          sourcefile: id,
        });
      },
    },
  ],
  test: {
    name: "node",
    // Most tests wait for the network or for time: more of them than cores go well together.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    root: import.meta.dirname,
    // A worker runs many files, as a test leaves nothing behind, in its process either. Nor may one
    // rely on what a module starts with, such as the first seed of `new ManualRuntime()`.
    isolate: false,
    include: ["**/*.test.ts"],
    exclude: ["workerd/**"],
    globalSetup: ["./support/redis-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
