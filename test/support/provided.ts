/** A REST front's URL, and the token for its control plane. */
export interface FrontAddress {
  readonly url: string;
  readonly controlToken: string;
}

declare module "vitest" {
  /** What the global setups provide to the test files. */
  interface ProvidedContext {
    /** One Redis for all test files in Node: their keys keep them apart. */
    readonly redisUrl: string;
    /** The REST front, for tests that cannot start one: inside workerd. */
    readonly front: FrontAddress;
  }
}
