import type { FaultSpec } from "../../dev/rest/faults.ts";

/** Everything that can happen to one request and its answer, applied or not. */
export const REQUEST_FAULTS: readonly (readonly [string, FaultSpec])[] = [
  ["a lost request", { kind: "drop-request" }],
  ["a lost answer", { kind: "drop-response" }],
  ["a truncated answer", { kind: "cut-body" }],
  ["a proxy's error page after the command was applied", { kind: "error-html", apply: true }],
  ["a proxy's error page instead", { kind: "error-html" }],
  ["an error 500 after the command was applied", { kind: "error-json", apply: true }],
  ["a null after the command was applied", { kind: "null-result", apply: true }],
  ["a null instead", { kind: "null-result" }],
  ["a command applied twice", { kind: "duplicate", reply: "second" }],
];
