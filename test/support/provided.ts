/** What the global set-ups hand to the test files. */
declare module "vitest" {
  interface ProvidedContext {
    /** One Redis for all test files in Node: they keep apart by their keys. */
    redisUrl: string;
    /** The REST front, for tests that cannot start one: inside workerd. */
    front: { readonly url: string; readonly controlToken: string };
  }
}
export {};
