import type { Capabilities } from "./operations.ts";

/** Those of a backend that decides as the rules and the scripts do. */
export const EVERY_CAPABILITY: Capabilities = {
  fences: true,
  remainingMs: true,
  severalKeys: true,
  tombstones: true,
  results: true,
  handOff: true,
};
