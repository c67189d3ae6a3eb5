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

export type Action = LockAction | JobAction | LookAction;

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

/** Checks a key, or force-releases it, as an administrator may. */
export interface LookAction {
  readonly do: "isLocked" | "forceRelease";
  readonly id: number;
  readonly atMs: number;
  readonly key: string;
}

export type Operation = "acquire" | "renew" | "release" | "inspect" | "forceDelete" | "read";

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
    /** The clock of its server is set: keys expire early, or late. */
    | "serverForward"
    | "serverBack";
  readonly atMs: number;
  readonly ms: number;
  /** Selects the affected name, where one is. */
  readonly which: number;
}

export type FaultPlan = MessageFault | ClientFault | StoreFault;

/** Every kind; `forceRelease`, which is an action; `clocksApart`: a counter started by a clock far behind. */
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
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Faults happen while there is activity: schedules are busiest at the start. */
export const BUSY_MS = 2_200;

/** How long a tombstone lasts in every schedule. */
export const GRACE_MS = 10_000;
export const MAX_TTL_MS = 3_000;

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
