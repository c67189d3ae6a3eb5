import { checkOptions, checkType, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkText } from "../key.ts";
import { checkDeclaredOptions, type AcquireOptions, type RequestContext } from "../lock-options.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import type { Lock } from "../lock.ts";
import type { OnceEachOutcome } from "../once/each.ts";
import { checkRemember } from "../once/options.ts";
import { backoffDelay, resolveRetry, type RetryOptions, type RetryPlan } from "../retry.ts";
import { systemRuntime } from "../runtime.ts";

/** A message, as its handler gets it. To have it delivered again, throw: what returns is done. */
export interface QueueMessage<Body> {
  readonly id: string;
  readonly timestamp: Date;
  readonly body: Body;
  /** 1 for the first delivery. */
  readonly attempts: number;
}

/** A message, as a queue delivers it: `Message`. */
export interface QueueDelivery<Body> extends QueueMessage<Body> {
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** What a queue calls its consumer with: `MessageBatch`. */
export interface QueueBatch<Body> {
  readonly queue: string;
  readonly messages: readonly QueueDelivery<Body>[];
}

/** Options of {@link consumeOnce}; times in ms. */
export interface ConsumeOptions<Body> extends Pick<AcquireOptions, "ttl" | "autoRenew" | "trace"> {
  /** Names what is to happen once, within its queue: 1 to 800 bytes. @default the message's id */
  readonly key?: ((body: Body) => string) | undefined;
  /** How long a message is remembered. @default 86_400_000 (a day) */
  readonly remember?: number | undefined;
  /**
   * How long until a message that failed is delivered again, by the number of its deliveries; how often
   * is for the queue to say (`max_retries`). @default initialDelay 5_000, maxDelay 900_000
   */
  readonly retry?: Omit<RetryOptions, "maxRetries"> | undefined;
  /** Told of each failure, of a handler or for want of an answer of Redis. @default console.error */
  readonly onError?: ((error: unknown, message: QueueMessage<Body>) => void) | undefined;
}

const CONSUME_OPTIONS: OptionNames<ConsumeOptions<never>> = {
  key: true,
  remember: true,
  retry: true,
  onError: true,
  ttl: true,
  autoRenew: true,
  trace: true,
};

const DEFAULT_RETRY: RetryPlan = {
  maxRetries: 0,
  initialDelay: 5_000,
  maxDelay: 900_000,
  multiplier: 2,
  jitter: true,
};

/** With the name of its queue (63 at most) a key is still one. */
const MAX_KEY_BYTES = 800;

/** The longest delay that a queue accepts: 12 h. */
const MAX_DELAY_S = 43_200;

/**
 * A `queue` handler that handles each message once, however often it is delivered, with two requests for
 * each 100. A message whose handler throws is retried after a delay, until the queue itself gives it up;
 * it keeps no other from being acknowledged. One that is being handled elsewhere is looked at again later.
 *
 * @param locks a Database, a lock service, or a function of `(env, ctx)` that returns one
 * @throws LockConfigurationError naming the option and its value
 * @example
 * const queue = consumeOnce((env: Env) => upstash(env), { key: (order: Order) => order.id }, ship);
 */
export function consumeOnce<Body, Env, Ctx extends RequestContext = RequestContext>(
  locks: HandlerLocks<[env: Env, ctx: Ctx]>,
  options: ConsumeOptions<Body>,
  handler: (message: QueueMessage<Body>, env: Env, ctx: Ctx, lock: Lock) => unknown,
): (batch: QueueBatch<Body>, env: Env, ctx: Ctx) => Promise<void> {
  checkHandlerLocks(locks);
  checkConsumeOptions(options);
  checkType("handler", handler, "function");
  const { key: keyOf, retry, onError = report, ...job } = options;
  const plan = resolvePauses(retry);
  return async ({ queue, messages }, env, ctx) => {
    const failures: [unknown, QueueDelivery<Body>][] = [];
    const settle = (copies: readonly QueueDelivery<Body>[], outcome: Outcome): void => {
      for (const copy of copies) {
        if (outcome.status === "failed") failures.push([outcome.error, copy]);
        if (isDone(outcome)) copy.ack();
        else copy.retry({ delaySeconds: delaySeconds(outcome, copy.attempts, plan) });
      }
    };
    const jobs = new Map<string, Copies<Body>>();
    for (const message of messages) {
      try {
        const own = keyOf === undefined ? message.id : keyOf(message.body);
        const key = `queue:${queue}:${checkText("key", own, 1, MAX_KEY_BYTES)}`;
        const copies = jobs.get(key);
        if (copies === undefined) jobs.set(key, [message]);
        else copies.push(message);
      } catch (error) {
        settle([message], { status: "failed", error });
      }
    }
    const service = serviceOfCall(locks, env, ctx).forRequest(ctx);
    const outcomes = await service.onceEach([...jobs], {
      ...job,
      key: ([key]) => key,
      // What it returns is nobody's: it would only fill the database.
      work: async ([, [message]], lock): Promise<void> => {
        await handler(message, env, ctx, lock);
      },
    });
    for (const [at, copies] of [...jobs.values()].entries()) {
      const outcome = outcomes[at];
      if (outcome !== undefined) settle(copies, outcome);
    }
    // At the end: should it throw, all have been acknowledged or not by then.
    for (const [error, message] of failures) onError(error, message);
  };
}

/** The messages of a batch that have one key: what becomes of the first becomes of all. */
type Copies<Body> = [QueueDelivery<Body>, ...QueueDelivery<Body>[]];

type Outcome = OnceEachOutcome<void>;
type Open = Extract<Outcome, { readonly status: "failed" | "running" }>;

function isDone(outcome: Outcome): outcome is Exclude<Outcome, Open> {
  return outcome.status === "ran" || outcome.status === "remembered";
}

/** A message that is being handled elsewhere is free again no sooner than its lock, should that one die. */
function delaySeconds(outcome: Open, attempts: number, plan: RetryPlan): number {
  const leastMs = outcome.status === "running" ? (outcome.remainingMs ?? 0) : 0;
  const delayMs = Math.max(leastMs, backoffDelay(plan, attempts - 1, systemRuntime));
  return Math.min(Math.ceil(delayMs / 1_000), MAX_DELAY_S);
}

function report(error: unknown, { id, attempts }: QueueMessage<unknown>): void {
  // oxlint-disable-next-line no-console
  console.error(`leasehold: delivery ${attempts} of message ${id} failed`, error);
}

function checkConsumeOptions(options: ConsumeOptions<never>): void {
  checkOptions("consumeOnce", options, CONSUME_OPTIONS);
  const { key, remember, onError, ttl, autoRenew, trace } = options;
  if (key !== undefined) checkType("key", key, "function");
  if (remember !== undefined) checkRemember(remember);
  if (onError !== undefined) checkType("onError", onError, "function");
  checkDeclaredOptions({ ttl, autoRenew, trace });
}

function resolvePauses(retry: ConsumeOptions<never>["retry"]): RetryPlan {
  const plan = resolveRetry(retry, DEFAULT_RETRY);
  if (retry === undefined || !("maxRetries" in retry)) return plan;
  throw new LockConfigurationError(
    "retry.maxRetries",
    "is for the queue to decide: set max_retries and dead_letter_queue of its consumer",
  );
}
