export { idempotency, type FetchHandler, type WebIdempotencyOptions } from "./idempotency.ts";
export type { LocksSource } from "./locks-source.ts";
