import type { PlainFault } from "../../dev/rest/faults.ts";

/** Request timeout in these tests: short, so that a lost reply costs little. */
export const TIMEOUT_MS = 300;

const LONG_MS = TIMEOUT_MS + 150;

/** The network faults that can hit a request. */
export const WIRE_FAULTS: Readonly<Record<string, Omit<PlainFault, "script" | "times">>> = {
  "request lost": { kind: "drop-request" },
  "answer lost": { kind: "drop-response" },
  "request slow": { kind: "delay-request", ms: 60 },
  "request later than the timeout": { kind: "delay-request", ms: LONG_MS },
  "answer slow": { kind: "delay-response", ms: 60 },
  "answer later than the timeout": { kind: "delay-response", ms: LONG_MS },
  "hangs unapplied": { kind: "hang" },
  "hangs applied": { kind: "hang", apply: true },
  "answer truncated": { kind: "cut-body" },
  "status 500 unapplied": { kind: "error-json", error: "ERR internal" },
  "status 500 applied": { kind: "error-json", apply: true, error: "ERR internal" },
  "temporarily refused": { kind: "error-json", error: "LOADING Redis is loading the dataset" },
  "HTML page unapplied": { kind: "error-html" },
  "HTML page applied": { kind: "error-html", apply: true },
  "null unapplied": { kind: "null-result" },
  "null applied": { kind: "null-result", apply: true },
  "duplicated, first answer": { kind: "duplicate", ms: 10, reply: "first" },
  "duplicated, second answer": { kind: "duplicate", ms: 10, reply: "second" },
  "duplicated much later": { kind: "duplicate", ms: LONG_MS },
  "delivered much later": { kind: "hold-late", ms: LONG_MS },
};

/** How many requests of a script a fault hits. */
export const WIRE_TIMES: Readonly<Record<string, number | undefined>> = {
  once: 1,
  twice: 2,
  always: undefined,
};
