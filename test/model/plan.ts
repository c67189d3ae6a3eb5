import type { Delivery } from "./hand-offs.ts";

/** One schedule: who does what when, and the faults. Plain data, so that it can be shrunk. */
export interface Plan {
  readonly seed: number;
  readonly keys: readonly string[];
  readonly requestTimeout: number;
  /** Longest usual one-way latency of a message. */
  readonly latencyMs: number;
  readonly clients: readonly ClientPlan[];
  readonly faults: readonly FaultPlan[];
}

export interface ClientPlan {
  readonly id: number;
  readonly role: "service" | "locker";
  /** Reaches the store through the transport of `upstash()`. */
  readonly overHttp: boolean;
  /** How fast its clocks and timers run. */
  readonly rate: number;
  /** Initial offset of its wall clock. */
  readonly wallOffsetMs: number;
  /** Its requests share one bound service, and so one lease. */
  readonly shared: boolean;
  readonly actions: readonly Action[];
}

export type Action = LockAction | JobAction | OnceAction | LookAction;

/** Acquires a lock with a LockService and works under it. */
export interface LockAction {
  readonly do: "withLock" | "acquire" | "tryAcquire";
  readonly id: number;
  readonly atMs: number;
  readonly keys: readonly string[];
  readonly ttl: number;
  readonly renew: boolean;
  readonly maxHold: number;
  readonly waitMs?: number;
  readonly retries?: number;
  readonly abortMs?: number;
  readonly deadlineMs?: number;
  readonly stepMs: number;
  readonly steps: readonly Step[];
  readonly end: "release" | "twice" | "background" | "forget" | "throw" | "detach";
  /** Where the string goes that a detached lock leaves. */
  readonly deliveries?: readonly Delivery[];
  /** It attaches what this string hands off. */
  readonly handOff?: string;
}

export type Step = "write" | "isHeld" | "extend" | "stopAutoRenew" | "work";

/** Acquires a lock with a Locker and works under it. */
export interface JobAction {
  readonly do: "acquireAndRun" | "lockerAcquire";
  readonly id: number;
  readonly atMs: number;
  readonly key: string;
  readonly stepMs: number;
  readonly steps: readonly ("beat" | "extend" | "work")[];
}

/** Runs a job that is to run once, or a batch of them. */
export interface OnceAction {
  readonly do: "once" | "onceEach";
  readonly id: number;
  readonly atMs: number;
  readonly jobs: readonly string[];
  readonly ttl: number;
  readonly renew: boolean;
  readonly ifRunning: "skip" | "throw" | "join";
  /** How long a joiner waits. */
  readonly waitMs?: number;
  readonly rememberMs: number;
  readonly fingerprint?: string;
  readonly abortMs?: number;
  readonly deadlineMs?: number;
  readonly stepMs: number;
  readonly steps: readonly OnceStep[];
  readonly end: "return" | "returnTooMuch" | "throw";
}

/** `stall` goes on without renewal beyond the TTL; `freeze` stops the whole client for that long; `crash` kills it. */
export type OnceStep = "write" | "work" | "isHeld" | "stall" | "freeze" | "crash";

/** Checks a key, or force-releases it, as an administrator may; recalls or forgets a job. */
export interface LookAction {
  readonly do: "isLocked" | "forceRelease" | "recall" | "forget";
  readonly id: number;
  readonly atMs: number;
  readonly key: string;
}

export type Operation =
  | "acquire"
  | "admit"
  | "renew"
  | "release"
  | "complete"
  | "recall"
  | "forget"
  | "inspect"
  | "forceDelete"
  | "read";

/** What happens to one message: the `nth` of its operation that the client sends. */
export interface MessageFault {
  readonly kind:
    | "loseRequest"
    | "loseReply"
    | "duplicate"
    | "reorder"
    | "veryLate"
    | "lateReply"
    | "refuse"
    /** It finds the store full: if it is refused, nothing remembers that. */
    | "unremembered";
  readonly client: number;
  readonly operation: Operation;
  readonly nth: number;
  readonly ms: number;
  /** Whether the sender gets an error at once, or nothing at all. */
  readonly silent: boolean;
}

/** What happens to one client at a given time. */
export interface ClientFault {
  readonly kind:
    | "pause"
    | "suspend"
    | "freezeClock"
    | "wallForward"
    | "wallBack"
    | "monotonicForward"
    | "monotonicBack"
    | "slowClock"
    | "kill"
    | "cutOff"
    | "hangUp"
    | "outage"
    | "repliesLost";
  readonly client: number;
  readonly atMs: number;
  readonly ms: number;
}

/** What happens to the store at a given time. */
export interface StoreFault {
  readonly kind:
    | "restart"
    | "flush"
    | "evict"
    | "full"
    | "garbage"
    /** The record of another program, with a fence that none of ours can be. */
    | "foreignFence"
    /** The counter is that of a replica that lagged. */
    | "counterLags"
    /** It loses what is remembered of a job. */
    | "resultLost"
    /** The clock of its server is set: keys expire early, or late. */
    | "serverForward"
    | "serverBack";
  readonly atMs: number;
  readonly ms: number;
  /** Selects the affected name, where one is. */
  readonly which: number;
}

export type FaultPlan = MessageFault | ClientFault | StoreFault;

/**
 * Every kind; what actions and runs of jobs do; `clocksApart`: a counter started by a clock far behind;
 * `resultExpired`: a job that ran again, as its completion was no longer remembered.
 */
export const FAULT_KINDS = [
  "loseRequest",
  "loseReply",
  "duplicate",
  "reorder",
  "veryLate",
  "lateReply",
  "refuse",
  "pause",
  "suspend",
  "freezeClock",
  "wallForward",
  "wallBack",
  "monotonicForward",
  "monotonicBack",
  "slowClock",
  "kill",
  "cutOff",
  "hangUp",
  "outage",
  "repliesLost",
  "restart",
  "flush",
  "evict",
  "full",
  "garbage",
  "foreignFence",
  "counterLags",
  "serverForward",
  "serverBack",
  "unremembered",
  "forceRelease",
  "clocksApart",
  "stalledRun",
  "frozenRun",
  "crashedRun",
  "failedRun",
  "tooLarge",
  "forget",
  "resultLost",
  "resultExpired",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Faults happen while there is activity: schedules are busiest at the start. */
export const BUSY_MS = 2_200;

/** How long a tombstone lasts in every schedule. */
export const GRACE_MS = 10_000;
export const MAX_TTL_MS = 3_000;

/** A larger result of a job is not kept. */
export const MAX_RESULT_BYTES = 200;

/** What the lock of a job is called. */
export function jobLock(job: string): string {
  return `once:${job}`;
}

/** Times of the Lockers of every schedule. */
export const LOCKER = {
  reportWriteMs: 200,
  reportTtlMs: 500,
  lockRecheckMs: 150,
  lockExtendMs: 300,
  lockTtlMs: 1_500,
} as const;

export function isMessageFault(fault: FaultPlan): fault is MessageFault {
  return "nth" in fault;
}

export function isClientFault(fault: FaultPlan): fault is ClientFault {
  return "client" in fault && !("nth" in fault);
}

export function isStoreFault(fault: FaultPlan): fault is StoreFault {
  return "which" in fault;
}
