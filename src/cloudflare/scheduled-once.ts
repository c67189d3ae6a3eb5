import { checkType } from "../check.ts";
import type { RequestContext } from "../lock-options.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import type { Lock } from "../lock.ts";
import {
  checkOccurrenceOptions,
  occurrenceAt,
  runOccurrence,
  type OccurrenceOptions,
} from "../once/occurrence.ts";

/** What a cron trigger calls its handler with: `ScheduledController`. */
export interface CronController {
  readonly cron: string;
  /** For when it was scheduled, in ms since 1970. */
  readonly scheduledTime: number;
  noRetry(): void;
}

/** Options of {@link scheduledOnce}; times in ms. */
export type ScheduledOptions = OccurrenceOptions;

/**
 * A `scheduled` handler that runs each occurrence of a cron once, however often it is delivered, or
 * (`mode: "no-overlap"`) never two at a time. Crons of a Worker that share this handler are told apart by
 * their expression, but never overlap either. What the handler throws fails the invocation.
 *
 * @param locks a Database, a lock service, or a function of `(env, ctx)` that returns one
 * @throws LockConfigurationError naming the option and its value
 * @example
 * const scheduled = scheduledOnce((env: Env) => upstash(env), { name: "report" }, sendReport);
 */
export function scheduledOnce<Env, Ctx extends RequestContext = RequestContext>(
  locks: HandlerLocks<[env: Env, ctx: Ctx]>,
  options: ScheduledOptions,
  handler: (controller: CronController, env: Env, ctx: Ctx, lock: Lock) => unknown,
): (controller: CronController, env: Env, ctx: Ctx) => Promise<void> {
  checkHandlerLocks(locks);
  checkOccurrenceOptions("scheduledOnce", options);
  checkType("handler", handler, "function");
  return async (controller, env, ctx) => {
    const service = serviceOfCall(locks, env, ctx).forRequest(ctx);
    const occurrence = `${controller.cron}:${occurrenceAt(controller.scheduledTime)}`;
    const work = (lock: Lock): unknown => handler(controller, env, ctx, lock);
    await runOccurrence(service, occurrence, work, options);
  };
}
