import {
  checkInteger,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkType,
  type OptionNames,
} from "../check.ts";
import { DatabaseError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";

/** What can go wrong on the way to a {@link FaultyDatabase}'s database. */
export type Fault = FaultScope &
  (
    | {
        /** The command is not applied. */
        readonly kind: "fail";
        /** The caller is told so; otherwise it cannot know. @default false */
        readonly definite?: boolean;
      }
    /** The command is applied, and its answer lost: the caller cannot know. */
    | { readonly kind: "loseReply" }
    /**
     * The command, or (`"reply"`) its answer, is `ms` late. Beyond `requestTimeout` the caller gives
     * up, and the command is applied all the same.
     */
    | { readonly kind: "delay"; readonly ms: number; readonly on?: "request" | "reply" }
    /** The command is applied twice. @default reply: "first" */
    | { readonly kind: "duplicate"; readonly reply?: "first" | "second" }
  );

/** What a {@link Fault} hits. */
export interface FaultScope {
  /** @default every operation */
  readonly operations?: readonly DatabaseOperation[];
  /** This many of these commands pass first. @default 0 */
  readonly skip?: number;
  /** It then hits this many. @default Infinity */
  readonly times?: number;
  /** The chance that it hits a command. @default 1 */
  readonly probability?: number;
}

export type DatabaseOperation =
  | "acquire"
  | "renew"
  | "release"
  | "admit"
  | "complete"
  | "recall"
  | "forget"
  | "inspect"
  | "list"
  | "forceDelete"
  | "readLockData"
  | "tryCreate"
  | "tryUpdate"
  | "tryDelete"
  | "readProcessData"
  | "saveProcessData";

const OPERATIONS: Readonly<Record<DatabaseOperation, true>> = {
  acquire: true,
  renew: true,
  release: true,
  admit: true,
  complete: true,
  recall: true,
  forget: true,
  inspect: true,
  list: true,
  forceDelete: true,
  readLockData: true,
  tryCreate: true,
  tryUpdate: true,
  tryDelete: true,
  readProcessData: true,
  saveProcessData: true,
};

const SCOPE: OptionNames<FaultScope & Pick<Fault, "kind">> = {
  kind: true,
  operations: true,
  skip: true,
  times: true,
  probability: true,
};

/** What a fault of each kind is made of. */
const FAULTS: {
  readonly [Kind in Fault["kind"]]: OptionNames<Extract<Fault, { readonly kind: Kind }>>;
} = {
  fail: { ...SCOPE, definite: true },
  loseReply: SCOPE,
  delay: { ...SCOPE, ms: true, on: true },
  duplicate: { ...SCOPE, reply: true },
};

/** A fault in place. */
export interface InjectedFault {
  /** How many commands it has hit. */
  readonly hits: number;
  /** Removes it. */
  remove(): void;
}

/** A fault in place, and what is left of it. */
export class ActiveFault implements InjectedFault {
  hits = 0;
  readonly fault: Fault;
  readonly #random: () => number;
  readonly #remove: () => void;
  #skipped = 0;

  constructor(fault: Fault, random: () => number, remove: () => void) {
    checkFault(fault);
    this.fault = fault;
    this.#random = random;
    this.#remove = remove;
  }

  remove(): void {
    this.#remove();
  }

  concerns(operation: DatabaseOperation): boolean {
    return this.fault.operations?.includes(operation) ?? true;
  }

  /** Whether it hits this command; counts the hit. */
  strikes(): boolean {
    const { skip = 0, times = Infinity, probability = 1 } = this.fault;
    if (this.hits >= times) return false;
    if (this.#skipped < skip) {
      this.#skipped += 1;
      return false;
    }
    if (probability < 1 && this.#random() >= probability) return false;
    this.hits += 1;
    return true;
  }
}

/** @throws LockConfigurationError naming the field */
function checkFault(fault: Fault): void {
  checkType("fault", fault, "object");
  const { kind, operations = [], skip = 0, times = 1, probability = 1 } = fault;
  checkOneOf("kind", kind, Object.keys(FAULTS));
  checkOptions<Fault>(`a fault of kind "${kind}"`, fault, FAULTS[kind], "fault");
  for (const operation of operations) {
    checkOneOf("operations", operation, Object.keys(OPERATIONS));
  }
  checkInteger("skip", skip, 0);
  checkInteger("times", times, 1);
  checkNumber("probability", probability, 0, 1);
  checkOwnFields(fault);
}

/** What only faults of one kind have. */
function checkOwnFields(fault: Fault): void {
  switch (fault.kind) {
    case "fail":
      checkType("definite", fault.definite ?? false, "boolean");
      return;
    case "delay":
      checkInteger("ms", fault.ms, 0);
      checkOneOf("on", fault.on ?? "request", ["request", "reply"]);
      return;
    case "duplicate":
      checkOneOf("reply", fault.reply ?? "first", ["first", "second"]);
      return;
    case "loseReply":
      return;
  }
}

/** Sends a command on its way, through the faults that concern it. */
export async function throughFaults<T>(
  [active, ...others]: readonly ActiveFault[],
  command: { readonly operation: DatabaseOperation; readonly apply: () => Promise<T> },
  runtime: Runtime,
): Promise<T> {
  const { operation, apply } = command;
  if (active === undefined) return apply();
  const next = (): Promise<T> => throughFaults(others, command, runtime);
  if (!active.strikes()) return next();
  const { fault } = active;
  switch (fault.kind) {
    case "fail": {
      const applied = fault.definite === true ? "no" : "unknown";
      throw new DatabaseError(`Injected: "${operation}" failed`, {
        applied,
        retriable: applied === "unknown",
      });
    }
    case "loseReply":
      await next();
      throw new DatabaseError(`Injected: the answer to "${operation}" was lost`, {
        applied: "unknown",
        retriable: true,
      });
    case "delay":
      return delayed(fault, next, runtime);
    case "duplicate": {
      const [first, second] = [await next(), await next()];
      return fault.reply === "second" ? second : first;
    }
  }
}

async function delayed<T>(
  { ms, on = "request" }: Fault & { readonly kind: "delay" },
  apply: () => Promise<T>,
  runtime: Runtime,
): Promise<T> {
  if (on === "request") await runtime.sleep(ms);
  const answer = await apply();
  if (on === "reply") await runtime.sleep(ms);
  return answer;
}
