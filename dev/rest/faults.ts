import type { RestCommand } from "./command.ts";

/**
 * - `drop-request`: the socket is closed, nothing is applied.
 * - `drop-response`: applied, then the socket is closed.
 * - `delay-request`, `delay-response`: a delay before, after the commands are applied.
 * - `hang`: never answers until the client disconnects; not applied unless `apply`.
 * - `cut-body`: applied; headers and half of the body, then the socket is closed.
 * - `error-json`, `error-html`: an error status; not applied unless `apply`.
 * - `duplicate`: applied twice.
 * - `hold-late`: the socket is closed now, the commands are applied later.
 * - `null-result`: `{"result":null}` whatever Redis would reply; not applied unless `apply`.
 */
export type FaultKind =
  | "drop-request"
  | "drop-response"
  | "delay-request"
  | "delay-response"
  | "hang"
  | "cut-body"
  | "error-json"
  | "error-html"
  | "duplicate"
  | "hold-late"
  | "null-result";

/** The part of a fault that can be sent to the control plane as JSON. */
export interface PlainFault {
  readonly kind: FaultKind;
  /** Command name, `eval` for example. @default any */
  readonly command?: string;
  /** Script name without `leasehold:`, `acquire` for example. @default any */
  readonly script?: string;
  /** How many requests it hits. @default all */
  readonly times?: number;
  /** Probability of hitting a matching request. @default 1 */
  readonly probability?: number;
  /** How long the delaying kinds wait. @default 0 */
  readonly ms?: number;
  /** For `hang`, `error-json`, `error-html`, `null-result`. @default false */
  readonly apply?: boolean;
  /** @default 500 for `error-json`, 502 for `error-html` */
  readonly status?: number;
  /** Text of `error-json`. */
  readonly error?: string;
  /** Which answer a duplicated command gets. @default "first" */
  readonly reply?: "first" | "second";
}

export interface FaultMatch {
  readonly command?: string;
  readonly script?: string;
  readonly where?: (command: RestCommand) => boolean;
}

export interface FaultSpec extends PlainFault {
  /** A command or script name, or conditions that must all hold for one command of the request. */
  readonly match?: string | FaultMatch;
  /** The delaying kinds wait for this instead of `ms`: a test can let go without guessing times. */
  readonly until?: Promise<unknown>;
  /** Numbers in [0, 1) for `probability`. @default Math.random */
  readonly random?: () => number;
}

interface ActiveFault {
  readonly spec: FaultSpec;
  left: number;
}

const DELAYS: ReadonlySet<FaultKind> = new Set(["delay-request", "delay-response"]);

/** The faults of one session, in the order they were added. */
export class RestFaults {
  hits: Partial<Record<FaultKind, number>> = {};
  #active: ActiveFault[] = [];

  /** Adds a fault; the function returned removes it. */
  add(spec: FaultSpec): () => void {
    const fault = { spec, left: spec.times ?? Infinity };
    this.#active.push(fault);
    return () => {
      this.#active = this.#active.filter((other) => other !== fault);
    };
  }

  /** Removes every fault; requests already hit stay hit. */
  clear(): void {
    this.#active = [];
  }

  /** The faults that hit a request: any number of delays and at most one of the other kinds. */
  take(commands: readonly RestCommand[]): FaultSpec[] {
    const taken: FaultSpec[] = [];
    for (const fault of this.#active) {
      const { spec } = fault;
      const free = DELAYS.has(spec.kind) || taken.every(({ kind }) => DELAYS.has(kind));
      if (free && fault.left > 0 && commands.some((one) => matches(spec, one)) && chance(spec)) {
        fault.left -= 1;
        this.hits[spec.kind] = (this.hits[spec.kind] ?? 0) + 1;
        taken.push(spec);
      }
    }
    this.#active = this.#active.filter(({ left }) => left > 0);
    return taken;
  }
}

function matches(spec: FaultSpec, command: RestCommand): boolean {
  const { match } = spec;
  if (
    typeof match === "string" &&
    match.toLowerCase() !== command.name &&
    match !== command.script
  ) {
    return false;
  }
  return meets(spec, command) && (typeof match !== "object" || meets(match, command));
}

function meets({ command: name, script, where }: FaultMatch, command: RestCommand): boolean {
  return (
    (name === undefined || name.toLowerCase() === command.name) &&
    (script === undefined || script === command.script) &&
    (where === undefined || where(command))
  );
}

function chance({ probability = 1, random = Math.random }: FaultSpec): boolean {
  return probability >= 1 || random() < probability;
}
