import {
  MIN_TTL_MS,
  checkInteger,
  checkNumber,
  checkOptions,
  checkType,
  type OptionNames,
} from "./check.ts";
import { LockConfigurationError } from "./errors.ts";

/** The shortest interval between renewals, however short the TTL. */
export const MIN_RENEWAL_GAP_MS = 200;

/** How a held lock is renewed beyond its TTL. */
export interface AutoRenewOptions {
  /** @default true */
  readonly enabled?: boolean | undefined;
  /** Time between renewals as a fraction of the TTL, 0.05 to 0.9; at least 200 ms. @default 1 / 3 */
  readonly intervalFraction?: number | undefined;
  /** Renewal stops this long after the acquisition, in ms. @default 900_000 */
  readonly maxHold?: number | undefined;
}

const AUTO_RENEW_OPTIONS: OptionNames<AutoRenewOptions> = {
  enabled: true,
  intervalFraction: true,
  maxHold: true,
};

/** AutoRenewOptions, checked and complete. */
export interface AutoRenew {
  readonly enabled: boolean;
  readonly intervalFraction: number;
  readonly maxHold: number;
}

/** When and how long one lease is renewed. Times in ms. */
export interface RenewalPlan {
  readonly enabled: boolean;
  /** Renews the holder's liveness, and leaves the lock's own TTL to heartbeats. */
  readonly onlyLiveness: boolean;
  /** Time between renewals. */
  readonly intervalMs: number;
  /** Renewal stops this long after the acquisition; Infinity: only when the lock is lost. */
  readonly maxHoldMs: number;
}

export const DEFAULT_AUTO_RENEW: AutoRenew = {
  enabled: true,
  intervalFraction: 1 / 3,
  maxHold: 900_000,
};

/** @throws LockConfigurationError naming the option */
export function resolveAutoRenew(
  options: boolean | AutoRenewOptions | undefined,
  defaults: AutoRenew,
): AutoRenew {
  if (options === undefined) return defaults;
  if (typeof options === "boolean") return { ...defaults, enabled: options };
  checkOptions("autoRenew", options, AUTO_RENEW_OPTIONS, "autoRenew");
  const {
    enabled = defaults.enabled,
    intervalFraction = defaults.intervalFraction,
    maxHold = defaults.maxHold,
  } = options;
  checkType("autoRenew.enabled", enabled, "boolean");
  return {
    enabled,
    intervalFraction: checkNumber("autoRenew.intervalFraction", intervalFraction, 0.05, 0.9),
    maxHold: checkInteger("autoRenew.maxHold", maxHold, MIN_TTL_MS),
  };
}

/** @throws LockConfigurationError naming the option, including a TTL that is too short to be renewed as requested */
export function resolveRenewal(
  ttl: number,
  wanted: boolean | AutoRenewOptions | undefined,
  defaults: AutoRenew,
): RenewalPlan {
  const { enabled, intervalFraction, maxHold } = resolveAutoRenew(wanted, defaults);
  const intervalMs = Math.max(Math.floor(ttl * intervalFraction), MIN_RENEWAL_GAP_MS);
  // A TTL that would end before its first renewal could be answered is left to expire.
  const isRenewable = intervalMs + MIN_TTL_MS <= ttl;
  const isAsked = wanted === true || (typeof wanted === "object" && wanted.enabled === true);
  if (isAsked && !isRenewable) {
    throw new LockConfigurationError(
      "autoRenew",
      `a ttl of ${ttl} ms is too short to be renewed every ${intervalMs} ms`,
    );
  }
  return {
    enabled: enabled && isRenewable,
    onlyLiveness: false,
    intervalMs,
    maxHoldMs: maxHold,
  };
}
