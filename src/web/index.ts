export { withLock, type WebGuardOptions } from "./with-lock.ts";
export { idempotency, type WebIdempotencyOptions } from "./idempotency.ts";
export type { FetchHandler, GuardProperties } from "./fetch-handler.ts";
export type { HandlerLocks } from "../lock-source.ts";
