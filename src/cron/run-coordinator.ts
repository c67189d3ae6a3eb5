import { checkOptions, type OptionNames } from "../check.ts";
import { checkDeclaredOptions, type AcquireOptions } from "../lock-options.ts";
import { checkHandlerLocks, serviceOfCall, type HandlerLocks } from "../lock-source.ts";
import { checkRemember } from "../once/options.ts";

/** Options of {@link runCoordinator}; times in ms. */
export interface RunCoordinatorOptions extends Pick<AcquireOptions, "ttl" | "autoRenew" | "trace"> {
  /**
   * How long a run is remembered: longer than clocks, and the processes' delays, are apart.
   * @default 86_400_000 (a day)
   */
  readonly remember?: number | undefined;
}

/** The `RunCoordinator` of node-cron, from 4.4. */
export interface RunCoordinator {
  shouldRun(key: string): Promise<boolean>;
  onComplete(key: string): Promise<void>;
}

const OPTIONS: OptionNames<RunCoordinatorOptions> = {
  remember: true,
  ttl: true,
  autoRenew: true,
  trace: true,
};

const DAY_MS = 86_400_000;

/** A run that this process was elected for. */
interface Run {
  readonly finish: () => void;
  readonly ended: Promise<unknown>;
}

/**
 * Has a fleet of processes with node-cron run each occurrence of a `distributed` task once: in the first
 * that asks, whatever their clocks say, and however short the task. Its lock is renewed while the task
 * runs, so that `distributedLease` is not needed. A task that fails has run, as node-cron does not say
 * that it failed; after a crash nobody runs that occurrence again.
 *
 * `shouldRun` rejects without a conclusive answer, and node-cron then skips the run; `onComplete`
 * rejects with LockLostError when the lock was lost during the run, which node-cron logs.
 *
 * @param locks a Database, a lock service, or a function that returns one
 * @throws LockConfigurationError naming the option and its value
 * @example cron.setRunCoordinator(runCoordinator(upstash()));
 */
export function runCoordinator(
  locks: HandlerLocks<[]>,
  options: RunCoordinatorOptions = {},
): RunCoordinator {
  checkHandlerLocks(locks);
  checkOptions("runCoordinator", options, OPTIONS);
  const { remember = DAY_MS, autoRenew, ttl, trace } = options;
  checkRemember(remember);
  checkDeclaredOptions({ ttl, autoRenew, trace });
  // Each occurrence has a lock of its own: one whose task hangs keeps no other from running.
  const job = { remember, ttl, trace, autoRenew: autoRenew ?? { maxHold: DAY_MS } };
  const service = serviceOfCall(locks);
  const runs = new Map<string, Run>();
  return {
    // The key is `{name}:{for when it was scheduled}`, as that of every recurring job.
    shouldRun: (key) =>
      new Promise((decide, fail) => {
        const work = (): Promise<void> =>
          new Promise((finish) => {
            runs.set(key, { finish, ended });
            decide(true);
          });
        const ended = service.once(`cron:${key}`, work, job);
        ended.then(() => decide(false), fail);
      }),
    onComplete: async (key) => {
      const run = runs.get(key);
      runs.delete(key);
      run?.finish();
      await run?.ended;
    },
  };
}
