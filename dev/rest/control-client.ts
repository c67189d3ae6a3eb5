import type { CountersSnapshot } from "./counters.ts";
import type { FaultKind, PlainFault } from "./faults.ts";

/** What the control plane accepts, one JSON object per request. */
export type ControlRequest =
  | { readonly op: "open-session"; readonly token?: string }
  | { readonly op: SessionOp; readonly token: string }
  | { readonly op: "add-fault"; readonly token: string; readonly fault: PlainFault }
  | { readonly op: "latency"; readonly token: string; readonly ms: number }
  | { readonly op: "command"; readonly command: readonly (string | number)[] };

type SessionOp = "close-session" | "disconnect" | "counters" | "reset" | "clear-faults" | "settled";

export interface ControlCounters extends CountersSnapshot {
  readonly hits: Partial<Record<FaultKind, number>>;
}

export interface ControlSession {
  readonly url: string;
  readonly token: string;
}

export interface ControlClient {
  openSession(token?: string): Promise<ControlSession>;
  closeSession(token: string): Promise<void>;
  /** Drops every request and event stream of the session that is in flight. */
  disconnect(token: string): Promise<void>;
  counters(token: string): Promise<ControlCounters>;
  /** Resets counters and fault hits to zero. */
  reset(token: string): Promise<void>;
  addFault(token: string, fault: PlainFault): Promise<void>;
  clearFaults(token: string): Promise<void>;
  latency(token: string, ms: number): Promise<void>;
  /** Resolves when every late command of the session has been applied. */
  settled(token: string): Promise<void>;
  /** Runs one command outside every session: neither counted nor hit by faults. */
  command(...command: (string | number)[]): Promise<unknown>;
}

/** Controls a REST front from any runtime with `fetch`, workerd included. */
export function controlClient(url: string, controlToken: string): ControlClient {
  const call = (request: ControlRequest): Promise<unknown> => post(url, controlToken, request);
  const tell = async (request: ControlRequest): Promise<void> => {
    await call(request);
  };
  return {
    openSession: async (token) => {
      const named = token === undefined ? {} : { token };
      return checked(await call({ op: "open-session", ...named }), isSession);
    },
    closeSession: (token) => tell({ op: "close-session", token }),
    disconnect: (token) => tell({ op: "disconnect", token }),
    counters: async (token) => checked(await call({ op: "counters", token }), isCounters),
    reset: (token) => tell({ op: "reset", token }),
    addFault: (token, fault) => tell({ op: "add-fault", token, fault }),
    clearFaults: (token) => tell({ op: "clear-faults", token }),
    latency: (token, ms) => tell({ op: "latency", token, ms }),
    settled: (token) => tell({ op: "settled", token }),
    command: (...command) => call({ op: "command", command }),
  };
}

async function post(url: string, controlToken: string, request: ControlRequest): Promise<unknown> {
  const response = await fetch(`${url}/_control`, {
    method: "POST",
    headers: { authorization: `Bearer ${controlToken}` },
    body: JSON.stringify(request),
  });
  const body: unknown = await response.json();
  const { result, error } = isRecord(body) ? body : {};
  if (!response.ok) {
    throw new Error(`control plane, ${request.op}: ${String(error)}`);
  }
  return result;
}

function checked<T>(value: unknown, is: (value: unknown) => value is T): T {
  if (!is(value)) {
    throw new Error("the control plane returned an unexpected response");
  }
  return value;
}

function isSession(value: unknown): value is ControlSession {
  return isRecord(value) && typeof value["url"] === "string" && typeof value["token"] === "string";
}

function isCounters(value: unknown): value is ControlCounters {
  return isRecord(value) && typeof value["requests"] === "number" && isRecord(value["hits"]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
