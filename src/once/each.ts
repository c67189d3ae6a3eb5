import { checkOneOf, checkOptions, checkType, show, type OptionNames } from "../check.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkKey } from "../key.ts";
import type { Lock } from "../lock.ts";
import type { ServiceSettings } from "../lock-options.ts";
import { BatchingDatabase } from "./batch.ts";
import type { Codec, Json } from "./codec.ts";
import { runOnce, type OnceOutcome } from "./once.ts";
import { checkFingerprint, resolveOnce, type OnceOptions } from "./options.ts";

/** Options of a batch of jobs; times in ms. Nobody waits in a batch: there is no `join`. */
export interface OnceEachOptions<Item, T> extends Omit<
  OnceOptions<T>,
  "attach" | "fingerprint" | "ifRunning" | "retry" | "waitTimeout"
> {
  /** The key of an item's job. */
  readonly key: (item: Item) => string;
  readonly work: (item: Item, lock: Lock) => T | Promise<T>;
  /** While another runs the job: `skip` tells so; `throw` is a failure of that item. @default "skip" */
  readonly ifRunning?: "skip" | "throw" | undefined;
  /** What was detached for an item's job, if anything was: see {@link OnceOptions.attach}. */
  readonly attach?: ((item: Item) => string | undefined) | undefined;
  /** Distinguishes the input of an item's job: see {@link OnceOptions.fingerprint}. */
  readonly fingerprint?: ((item: Item) => string) | undefined;
}

const ONCE_EACH_OPTIONS: OptionNames<OnceEachOptions<unknown, unknown>> = {
  key: true,
  work: true,
  remember: true,
  ifRunning: true,
  fingerprint: true,
  attach: true,
  maxResultBytes: true,
  codec: true,
  ttl: true,
  autoRenew: true,
  trace: true,
  signal: true,
};

/** Results that JSON would change need a codec. */
type WithCodec<T> = [T] extends [Json<T>] ? unknown : { readonly codec: Codec<T> };

/** The options of a call, where a result that is not JSON needs a codec. */
export type OnceEachArgument<Item, T> = OnceEachOptions<Item, T> & WithCodec<T>;

/** What became of one item. A failure is its own: of its work, of its lock, or for want of an answer. */
export type OnceEachOutcome<T> =
  OnceOutcome<T> | { readonly status: "failed"; readonly error: unknown };

/**
 * Runs a job for each item, all at once.
 *
 * @throws LockConfigurationError before anything is sent
 */
export async function runEach<Item, T>(
  items: readonly Item[],
  options: OnceEachOptions<Item, T>,
  settings: ServiceSettings,
): Promise<readonly OnceEachOutcome<T>[]> {
  if (!Array.isArray(items)) {
    throw new LockConfigurationError("items", `must be an array, but is ${show(items)}`);
  }
  checkOptions("onceEach", options, ONCE_EACH_OPTIONS);
  const { key, work, attach, fingerprint, ...rest } = options;
  checkType("key", key, "function");
  checkType("work", work, "function");
  checkOneOf("ifRunning", rest.ifRunning ?? "skip", ["skip", "throw"]);
  if (attach !== undefined) checkType("attach", attach, "function");
  if (fingerprint !== undefined) checkType("fingerprint", fingerprint, "function");
  const common = resolveOnce(rest, settings);
  const jobs = items.map((item: Item) => ({
    key: checkKey(key(item)),
    work: (lock: Lock) => work(item, lock),
    plan: {
      ...common,
      attach: attach?.(item),
      ...(fingerprint ? { fingerprint: checkFingerprint(fingerprint(item)) } : {}),
    },
  }));
  const { database, runtime, maxTtl } = settings;
  const session = settings.openSession(new BatchingDatabase(database, runtime));
  return Promise.all(
    jobs.map((job) =>
      runOnce({ ...job, session, maxTtl }).catch((error: unknown) => ({
        status: "failed" as const,
        error,
      })),
    ),
  );
}
