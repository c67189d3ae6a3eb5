import { canOutliveHolder } from "../lock-record.ts";
import type { Inspection } from "../operations.ts";
import { find, processName, type RuleStore } from "./store.ts";

/** Looks at a lock, and at the process of its holder. */
export function inspectByRules(store: RuleStore, key: string): Inspection | null {
  const found = find(store, key);
  if (found === undefined) return null;
  const { lockData, remainingMs } = found;
  const mayBeDead = lockData !== null && canOutliveHolder(lockData, remainingMs);
  const alive = !mayBeDead || store.get(processName(lockData.processHash)) !== undefined;
  return { ...found, alive };
}
