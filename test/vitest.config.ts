import { transform } from "esbuild";
import { availableParallelism } from "node:os";
import { defineProject } from "vitest/config";

/** The tests that run in Node: against real Redis through the REST front, except for pure units. */
export default defineProject({
  plugins: [
    {
      // Vite does not lower standard decorators, and Node does not support them yet.
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
    // Plain Node semantics: looking for a default inside the default makes `@vercel/kv` ask for its environment.
    deps: { interopDefault: false },
    name: "node",
    // Most tests wait for the network or for timers: more workers than cores are fine.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    root: import.meta.dirname,
    // Test files share workers, because a test leaves nothing behind in its process either. Nor may a
    // test rely on a module's initial state, such as the first seed of `new ManualRuntime()`.
    isolate: false,
    include: ["**/*.test.ts"],
    exclude: ["workerd/**"],
    globalSetup: ["./support/redis-setup.ts"],
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
