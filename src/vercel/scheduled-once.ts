import { checkOptions, checkType, show, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import type { LockService } from "../lock-service.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import type { Lock } from "../lock.ts";
import {
  OCCURRENCE_OPTIONS,
  checkOccurrenceOptions,
  runOccurrence,
  type OccurrenceOptions,
} from "../once/occurrence.ts";
import { checkPeriod, occurrenceNear, type PeriodOptions } from "../once/period.ts";
import { systemRuntime } from "../runtime.ts";
import { requestContext } from "./request-context.ts";

/** A run of Vercel Schedules, as `handleSchedule` of `@vercel/schedules` passes it on. */
export interface ScheduleRun {
  /** The same for every delivery of one occurrence. */
  readonly executionId: string;
}

/** Options of {@link scheduledOnce} for a run of Vercel Schedules; times in ms. */
export type ScheduledOptions = OccurrenceOptions;

/** Options of {@link scheduledOnce} for the route of a cron job; times in ms. */
export interface CronRouteOptions extends OccurrenceOptions, PeriodOptions {}

/** Of either kind. */
interface AnyOptions extends OccurrenceOptions {
  readonly period?: number | undefined;
  readonly offset?: number | undefined;
}

const OPTIONS: OptionNames<CronRouteOptions> = {
  ...OCCURRENCE_OPTIONS,
  period: true,
  offset: true,
};

/**
 * Runs each occurrence of a schedule once, however often Vercel delivers it, or (`mode: "no-overlap"`)
 * never two at a time. Without `period` it takes what `handleSchedule` of `@vercel/schedules` passes on,
 * and knows an occurrence by its execution id. With `period` it is a route for a cron job, of which
 * nothing tells one occurrence from another but the time.
 *
 * The route answers what `handler` answers, and 200 to a delivery that it does not run. What throws, or
 * answers with a status from 500, is not remembered: a delivery after it runs again. Who may call the
 * route is yours to check, before: see `CRON_SECRET`.
 *
 * @param locks a Database, a lock service, or a function of the delivery that returns one; bound to the
 *   request with `requestContext`
 * @throws LockConfigurationError naming the option and its value
 * @example
 * const run = scheduledOnce(locks, { name: "report", period: 3_600_000 }, sendReport);
 */
export function scheduledOnce<Run extends ScheduleRun>(
  locks: HandlerLocks<[run: Run]>,
  options: ScheduledOptions & { readonly period?: undefined },
  handler: (run: Run, lock: Lock) => unknown,
): (run: Run) => Promise<void>;
export function scheduledOnce(
  locks: HandlerLocks<[request: Request]>,
  options: CronRouteOptions,
  handler: (request: Request, lock: Lock) => Response | Promise<Response>,
): (request: Request) => Promise<Response>;
export function scheduledOnce(
  locks: HandlerLocks<[delivery: never]>,
  options: AnyOptions,
  handler: (delivery: never, lock: Lock) => unknown,
): (delivery: never) => Promise<Response | void> {
  checkHandlerLocks(locks);
  checkOptions<AnyOptions>("scheduledOnce", options, OPTIONS);
  checkType("handler", handler, "function");
  const { period, offset, ...job } = options;
  checkOccurrenceOptions("scheduledOnce", job);
  const service = (delivery: never): LockService =>
    serviceOfCall(locks, delivery).forRequest(requestContext());
  if (period === undefined) {
    return async (run) => {
      const work = (lock: Lock): unknown => handler(run, lock);
      await runOccurrence(service(run), executionOf(run), work, job);
    };
  }
  const plan = { period, offset };
  checkPeriod(plan);
  return async (request) => {
    const occurrence = occurrenceNear(systemRuntime.now().wall, plan);
    const respond = async (lock: Lock): Promise<Response> =>
      (await handler(request, lock)) as Response;
    return answer(service(request), occurrence, respond, job);
  };
}

/** Why the work of a route is not remembered that did not throw. */
const NOT_DONE: unique symbol = Symbol("not done");

async function answer(
  locks: LockService,
  occurrence: string,
  respond: (lock: Lock) => Promise<Response>,
  job: OccurrenceOptions,
): Promise<Response> {
  let response: Response | undefined;
  const work = async (lock: Lock): Promise<void> => {
    response = await respond(lock);
    if (response.status >= 500) throw NOT_DONE;
  };
  try {
    const status = await runOccurrence(locks, occurrence, work, job);
    return response ?? Response.json({ status });
  } catch (error) {
    if (error === NOT_DONE && response !== undefined) return response;
    throw error;
  }
}

function executionOf(run: unknown): string {
  const id: unknown = Object(run).executionId;
  if (typeof id === "string" && id !== "") return id;
  throw new LockConfigurationError(
    "period",
    `is missing, and the executionId of the run is ${show(id)}: a route for a cron job needs a period, ` +
      "and a function of Vercel Schedules goes into handleSchedule",
  );
}
