import { MIN_RENEWAL_GAP_MS } from "../auto-renew.ts";
import { checkInteger, checkOptions, checkType, show, type OptionNames } from "../check.ts";
import type { DatabaseModule } from "../database/database-module.ts";
import { isDatabase, type Database } from "../database/database.ts";
import { LockConfigurationError } from "../errors.ts";
import { checkTrace } from "../key.ts";
import type { LeaseTerms } from "../lease/terms.ts";
import { DEFAULT_RETRY } from "../retry.ts";
import { systemRuntime, type Runtime } from "../runtime.ts";

/** Options of a Locker; times in ms. */
export interface LockerOptions {
  /** The database, or the module that exports one. */
  readonly database: Database | DatabaseModule;
  /** The platform's `waitUntil`, bound; see LockServiceOptions. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** How often a lock's holder reports that it is alive. @default 2_000 */
  readonly reportWriteMs?: number | undefined;
  /** A holder that has not reported for this long is dead, and its lock free to take. @default 10_000 */
  readonly reportTtlMs?: number | undefined;
  /** The least time between heartbeats that ask whether the lock is still held. @default 5_000 */
  readonly lockRecheckMs?: number | undefined;
  /** The least time between heartbeats that extend the lock. @default 60_000, or a third of `lockTtlMs` */
  readonly lockExtendMs?: number | undefined;
  /** A lock whose holder is alive, but has had no heartbeat for this long, is free. @default 300_000 */
  readonly lockTtlMs?: number | undefined;
  /** Clock, timers and randomness; to be replaced in tests. */
  readonly runtime?: Runtime | undefined;
}

const LOCKER_OPTIONS: OptionNames<LockerOptions> = {
  database: true,
  waitUntil: true,
  reportWriteMs: true,
  reportTtlMs: true,
  lockRecheckMs: true,
  lockExtendMs: true,
  lockTtlMs: true,
  runtime: true,
};

/** The options of a Locker, checked and complete. */
export interface LockerSettings {
  readonly database: Database | DatabaseModule;
  readonly waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  readonly reportWriteMs: number;
  readonly reportTtlMs: number;
  readonly lockRecheckMs: number;
  readonly lockExtendMs: number;
  readonly lockTtlMs: number;
  readonly runtime: Runtime;
}

/** @throws LockConfigurationError naming the option */
export function resolveLockerOptions(options: LockerOptions): LockerSettings {
  checkOptions("Locker", options, LOCKER_OPTIONS);
  const { database, waitUntil, reportWriteMs = 2_000, reportTtlMs = 10_000 } = options;
  const { lockRecheckMs = 5_000, lockTtlMs = 300_000 } = options;
  checkSource(database);
  if (waitUntil !== undefined) checkType("waitUntil", waitUntil, "function");
  checkInteger("reportWriteMs", reportWriteMs, MIN_RENEWAL_GAP_MS);
  checkInteger("lockTtlMs", lockTtlMs, reportWriteMs * 2);
  const { lockExtendMs = Math.min(60_000, Math.ceil(lockTtlMs / 3)) } = options;
  return {
    database,
    waitUntil,
    reportWriteMs,
    // A holder whose next report is due when its liveness ends would be dead in between.
    reportTtlMs: checkInteger("reportTtlMs", reportTtlMs, reportWriteMs * 2),
    lockRecheckMs: checkInteger("lockRecheckMs", lockRecheckMs, 1),
    lockTtlMs,
    lockExtendMs: checkInteger("lockExtendMs", lockExtendMs, 1),
    runtime: options.runtime ?? systemRuntime,
  };
}

function checkSource(database: LockerOptions["database"]): void {
  if (isDatabase(database) || typeof database?.moduleName === "string") return;
  throw new LockConfigurationError(
    "database",
    `must be a Database or { moduleName, exportName }, but is ${show(database)}`,
  );
}

/** What a Locker requests: one attempt, a long TTL, and a short liveness that alone is renewed. */
export function toTerms(
  { lockTtlMs, reportTtlMs, reportWriteMs }: LockerSettings,
  trace: string | undefined,
): LeaseTerms {
  return {
    ttlMs: lockTtlMs,
    livenessMs: reportTtlMs,
    waitTimeout: 0,
    retry: { ...DEFAULT_RETRY, maxRetries: 0 },
    renewal: {
      enabled: true,
      onlyLiveness: true,
      intervalMs: reportWriteMs,
      maxHoldMs: Infinity,
    },
    trace: trace === undefined ? undefined : checkTrace(trace) || undefined,
    deadline: undefined,
    signals: [],
  };
}
