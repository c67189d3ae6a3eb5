import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineProject } from "vitest/config";

/** Everything that runs inside workerd, the runtime of Cloudflare Workers. */
export default defineProject({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "../../wrangler.toml" },
    }),
  ],
  test: {
    name: "workerd",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    globalSetup: ["../support/front-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
