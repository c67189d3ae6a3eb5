import { checkOneOf, checkType, type OptionNames } from "../check.ts";
import type { LockAcquisitionError, LockLostError } from "../errors.ts";
import { checkKeys } from "../key.ts";
import { checkDeclaredOptions, type AcquireOptions } from "../lock-options.ts";
import { BUSY_STATUSES, type BusyStatus } from "./problem.ts";

/** The key of a request, or several, all or none. */
export type Keys = string | readonly string[];

/** What becomes of a request when the database gives no answer. */
export type UnavailablePolicy = "refuse" | "continue";

/**
 * Options of a guard, whatever its adapter calls a request. Without `retry` and `waitTimeout` a held lock
 * is refused at once.
 */
export interface HttpGuardOptions<
  Subject,
  Rest extends readonly unknown[] = readonly [],
  Key extends Keys | null = Keys | null,
  Policy extends UnavailablePolicy = UnavailablePolicy,
> extends Omit<AcquireOptions, "signal" | "trace"> {
  /** The key, or several, all or none; null lets the request pass unguarded. */
  readonly key: Keys | ((subject: Subject, ...rest: Rest) => Key | Promise<Key>);
  /** Who holds the lock, for humans to read. What a function makes of the request is made to fit. */
  readonly trace?: (string | ((subject: Subject, ...rest: Rest) => string | undefined)) | undefined;
  /** Status when another holds the lock. @default 409 */
  readonly status?: BusyStatus | undefined;
  /** Responds instead, when another holds the lock. */
  readonly onLocked?:
    | ((
        subject: Subject,
        error: LockAcquisitionError,
        ...rest: Rest
      ) => Response | Promise<Response>)
    | undefined;
  /** Responds instead, when the lock was lost during the work. */
  readonly onLost?:
    | ((subject: Subject, error: LockLostError, ...rest: Rest) => Response | Promise<Response>)
    | undefined;
  /** When the database gives no answer: `refuse` with 503, or `continue` without a lock. @default "refuse" */
  readonly onUnavailable?: Policy | undefined;
  /** How long the lock is held: until the handler returns, or until the body ends. @default "handler" */
  readonly hold?: "handler" | "response" | undefined;
  /**
   * `wait` responds after the release; `background` before it, one round trip sooner: then the next
   * request of the same client may meet a 409, and a loss no longer changes the response. @default "wait"
   */
  readonly release?: "wait" | "background" | undefined;
}

export const GUARD_OPTIONS: OptionNames<HttpGuardOptions<never>> = {
  key: true,
  ttl: true,
  waitTimeout: true,
  retry: true,
  autoRenew: true,
  trace: true,
  status: true,
  onLocked: true,
  onLost: true,
  onUnavailable: true,
  hold: true,
  release: true,
};

/** @throws LockConfigurationError naming the option and its value */
export function checkGuardOptions(options: HttpGuardOptions<never, never>): void {
  const { key, trace, onLocked, onLost, ...others } = options;
  const {
    status = 409,
    onUnavailable = "refuse",
    hold = "handler",
    release = "wait",
    ...lock
  } = others;
  if (typeof key !== "function") checkKeys(key);
  checkDeclaredOptions(typeof trace === "function" ? lock : { ...lock, trace });
  if (onLocked !== undefined) checkType("onLocked", onLocked, "function");
  if (onLost !== undefined) checkType("onLost", onLost, "function");
  checkOneOf("status", status, BUSY_STATUSES);
  checkOneOf("onUnavailable", onUnavailable, ["refuse", "continue"]);
  checkOneOf("hold", hold, ["handler", "response"]);
  checkOneOf("release", release, ["wait", "background"]);
}
