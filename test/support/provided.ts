/** Where a REST front is, and what opens its control plane. */
export interface FrontAddress {
  readonly url: string;
  readonly controlToken: string;
}

declare module "vitest" {
  /** What the global set-ups hand to the test files. */
  interface ProvidedContext {
    /** One Redis for all test files in Node: they keep apart by their keys. */
    readonly redisUrl: string;
    /** The REST front, for tests that cannot start one: inside workerd. */
    readonly front: FrontAddress;
  }
}
