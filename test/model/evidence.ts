import type {
  AcquireRequest,
  AdmitRequest,
  Claim,
  CompleteRequest,
  HandedOff,
  ReleaseRequest,
  RenewRequest,
} from "../../src/database/operations.ts";
import { Violation, type Ledger, type Token } from "./ledger.ts";
import type { Stored, StoredResult, StoreView } from "./store-view.ts";

/** All lock keys and results before a command, and the liveness it concerns. */
export interface Before {
  readonly locks: ReadonlyMap<string, Stored | undefined>;
  /** By job. */
  readonly results: ReadonlyMap<string, StoredResult | undefined>;
  readonly livenessMs: ReadonlyMap<string, number>;
  readonly isFull: boolean;
}

export type Command =
  | { readonly operation: "acquire"; readonly request: AcquireRequest }
  | { readonly operation: "admit"; readonly request: readonly AdmitRequest[] }
  | { readonly operation: "renew"; readonly request: readonly RenewRequest[] }
  | { readonly operation: "release"; readonly request: ReleaseRequest }
  | { readonly operation: "complete"; readonly request: readonly CompleteRequest[] }
  | { readonly operation: "recall"; readonly key: string }
  | { readonly operation: "forget"; readonly key: string; readonly ownerHash: string }
  | { readonly operation: "inspect"; readonly key: string }
  | { readonly operation: "forceDelete"; readonly key: string; readonly ownerHash: string | null }
  | { readonly operation: "read"; readonly key: string };

/** The claims of a command, in the order of its outcomes. */
export function claimsOf(command: Command): readonly Claim[] {
  switch (command.operation) {
    case "acquire":
    case "release":
      return command.request.claims;
    case "renew":
      return command.request;
    case "admit":
    case "complete":
      return command.request.flatMap(({ claims }) => claims);
    case "recall":
    case "forget":
    case "inspect":
    case "forceDelete":
    case "read":
      return [];
  }
}

/** The holders that a command attaches from. */
function handedOffIn(command: Command): readonly HandedOff[] {
  if (command.operation === "acquire") return command.request.handedOff ?? [];
  return command.operation === "admit"
    ? command.request.flatMap(({ handedOff }) => handedOff ?? [])
    : [];
}

/** The state that a command is about to find. */
export function lookBefore(view: StoreView, command: Command, names: Names): Before {
  const hashes = [
    ...claimsOf(command).map(({ lockData }) => lockData.processHash),
    ...handedOffIn(command).map(({ processHash }) => processHash),
  ];
  return {
    locks: new Map(names.locks.map((key) => [key, view.at(key)])),
    results: new Map(names.jobs.map((job) => [job, view.result(job)])),
    livenessMs: new Map(hashes.map((hash) => [hash, view.livenessMs(hash)])),
    isFull: view.store.isFull,
  };
}

/** The keys of a schedule. */
export interface Names {
  readonly locks: readonly string[];
  readonly jobs: readonly string[];
}

/** No command changes a record other than those of its own claims. */
export function othersUntouched(
  view: StoreView,
  { locks }: Before,
  own: readonly Claim[],
  except: readonly string[] = [],
): void {
  for (const [key, found] of locks) {
    if (found === undefined || except.includes(key)) continue;
    if (own.some(({ lockData }) => lockData.ownerHash === found.record?.ownerHash)) continue;
    const after = view.at(key);
    if (after?.text !== found.text || after.remainingMs !== found.remainingMs) {
      fail(`a command changed the lock of ${found.record?.ownerHash ?? "another program"}`);
    }
  }
}

export function tokensOf(ledger: Ledger, claims: readonly Claim[]): readonly Token[] {
  return claims.map(({ key, lockData }) => ledger.claimed(key, lockData.ownerHash, lockData.trace));
}

export function fail(what: string): void {
  throw new Violation(what);
}
