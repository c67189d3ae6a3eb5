import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineProject } from "vitest/config";
import { controlClient } from "../../dev/rest/control-client.ts";

/** The tests that run inside workerd, the runtime of Cloudflare Workers. */
export default defineProject({
  // The example imports the package by its name.
  resolve: { tsconfigPaths: true },
  plugins: [
    cloudflareTest(async ({ inject }) => {
      const { url, controlToken } = inject("front");
      const session = await controlClient(url, controlToken).openSession();
      return {
        main: "./app.ts",
        wrangler: { configPath: "../../wrangler.toml" },
        miniflare: {
          bindings: {
            UPSTASH_REDIS_REST_URL: session.url,
            UPSTASH_REDIS_REST_TOKEN: session.token,
            ADMIN_TOKEN: "admin-of-the-tests",
          },
          // Beside those of the example.
          queueProducers: { CHORES: { queueName: "chores" } },
          queueConsumers: {
            chores: {
              maxBatchSize: 100,
              maxBatchTimeout: 1,
              maxRetries: 3,
              deadLetterQueue: "dead-chores",
            },
            "dead-chores": { maxBatchTimeout: 1 },
          },
        },
      };
    }),
  ],
  test: {
    name: "workerd",
    root: import.meta.dirname,
    // One workerd for all files, as one isolate serves many requests.
    isolate: false,
    maxWorkers: 1,
    // After the tests in Node: Vitest refuses to run projects with different maxWorkers together.
    sequence: { groupOrder: 1 },
    include: ["**/*.test.ts"],
    globalSetup: ["../support/front-setup.ts"],
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
