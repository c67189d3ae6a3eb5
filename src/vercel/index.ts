export { requestContext, type RequestContextOptions } from "./request-context.ts";
export {
  scheduledOnce,
  type CronRouteOptions,
  type ScheduleRun,
  type ScheduledOptions,
} from "./scheduled-once.ts";
export type { HandlerLocks } from "../lock-source.ts";
