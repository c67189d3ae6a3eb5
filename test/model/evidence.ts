import type {
  AcquireRequest,
  Claim,
  ReleaseRequest,
  RenewRequest,
} from "../../src/database/operations.ts";
import { Violation, type Ledger, type Token } from "./ledger.ts";
import type { Stored, StoreView } from "./store-view.ts";

/** All lock keys before a command, and the liveness it concerns. */
export interface Before {
  readonly locks: ReadonlyMap<string, Stored | undefined>;
  readonly livenessMs: ReadonlyMap<string, number>;
  readonly isFull: boolean;
}

export type Command =
  | { readonly operation: "acquire"; readonly request: AcquireRequest }
  | { readonly operation: "renew"; readonly request: readonly RenewRequest[] }
  | { readonly operation: "release"; readonly request: ReleaseRequest }
  | { readonly operation: "inspect"; readonly key: string }
  | { readonly operation: "forceDelete"; readonly key: string; readonly ownerHash: string | null }
  | { readonly operation: "read"; readonly key: string };

/** The state that a command is about to find. */
export function lookBefore(view: StoreView, command: Command, keys: readonly string[]): Before {
  const livenessMs = new Map<string, number>();
  if (command.operation === "renew" || command.operation === "acquire") {
    const claims = command.operation === "renew" ? command.request : command.request.claims;
    for (const { lockData } of claims) {
      livenessMs.set(lockData.processHash, view.livenessMs(lockData.processHash));
    }
    const holders = command.operation === "acquire" ? (command.request.handedOff ?? []) : [];
    for (const { processHash } of holders)
      livenessMs.set(processHash, view.livenessMs(processHash));
  }
  const locks = new Map(keys.map((key) => [key, view.at(key)]));
  return { locks, livenessMs, isFull: view.store.isFull };
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
