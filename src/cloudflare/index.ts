export {
  consumeOnce,
  type ConsumeOptions,
  type QueueBatch,
  type QueueDelivery,
  type QueueMessage,
} from "./consume-once.ts";
export { scheduledOnce, type CronController, type ScheduledOptions } from "./scheduled-once.ts";
export type { HandlerLocks } from "../lock-source.ts";
