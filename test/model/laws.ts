import type { Inspection, RenewOutcome, RenewRequest } from "../../src/database/operations.ts";
import type { Client } from "./client.ts";
import { fail, othersUntouched, type Before, type Command } from "./evidence.ts";
import { GrantLaws } from "./grant-laws.ts";
import type { Ledger } from "./ledger.ts";
import type { Memories } from "./memories.ts";
import { OnceLaws } from "./once-laws.ts";
import { ReleaseLaws } from "./release-laws.ts";
import type { StoreView } from "./store-view.ts";

/**
 * What each command may do to the store, and what it must return (R1 to R7, O1 to O4). Every applied command
 * is checked against this.
 */
export class Laws {
  readonly #view: StoreView;
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly grants: GrantLaws;
  readonly #releases: ReleaseLaws;
  readonly #once: OnceLaws;

  constructor(view: StoreView, ledger: Ledger, memories: Memories, now: () => number) {
    this.#view = view;
    this.#ledger = ledger;
    this.#now = now;
    this.grants = new GrantLaws(view, ledger, now);
    this.#releases = new ReleaseLaws(view, ledger);
    this.#once = new OnceLaws(view, ledger, memories, this.grants, this.#releases);
  }

  /** @param outcome undefined where the store refused */
  judge(client: Client, command: Command, before: Before, outcome: unknown): void {
    const said = outcome as never;
    switch (command.operation) {
      case "acquire":
        return this.grants.acquired(client, command.request, before, said);
      case "renew":
        return this.#renewed(command.request, before, said);
      case "release":
        return this.#releases.released(command.request, before, said);
      case "admit":
        return this.#once.admitted(client, command.request, before, said);
      case "complete":
        return this.#once.completed(command.request, before, said);
      case "recall":
        return this.#once.recalled(command.key, before, said);
      case "forget":
        return this.#once.forgotten(command.key, command.ownerHash, before, said);
      case "inspect":
        return this.#inspected(command.key, said);
      case "forceDelete":
        return this.#forced(command.key, command.ownerHash, before, said);
      case "read":
    }
  }

  #renewed(
    requests: readonly RenewRequest[],
    before: Before,
    outcomes: readonly RenewOutcome[] | undefined,
  ): void {
    othersUntouched(this.#view, before, requests);
    for (const [index, { key, lockData, ttlMs, livenessMs }] of requests.entries()) {
      const found = before.locks.get(key);
      const livenessLeft = before.livenessMs.get(lockData.processHash) ?? 0;
      const isOwn =
        found?.record?.ownerHash === lockData.ownerHash && found.record.fence === lockData.fence;
      const isSound = isOwn && livenessLeft > 0;
      const after = this.#view.at(key);
      const aliveMs = this.#view.livenessMs(lockData.processHash);
      if (!isSound) {
        if (outcomes?.[index] === "renewed") {
          const rule = found?.record?.ownerHash === lockData.ownerHash && !isOwn ? "R3" : "R2";
          fail(`${rule}: a renewal kept ${lockData.ownerHash}, which was lost`);
        }
        if (found === undefined && after !== undefined) fail("R2: a renewal created a lock");
        if (livenessLeft <= 0 && aliveMs > 0) fail("R2: a renewal created liveness");
        continue;
      }
      if (outcomes === undefined) fail("R5: a renewal that arrived was refused");
      if (outcomes?.[index] !== "renewed")
        fail(`a renewal returned LOST for ${lockData.ownerHash}`);
      const lockMs = after?.remainingMs ?? 0;
      if (lockMs < found.remainingMs || aliveMs < livenessLeft) fail("R1: a renewal shortened");
      if (lockMs < ttlMs || aliveMs < livenessMs) fail("R5: a renewal did not lengthen");
      const token = this.#ledger.token(lockData.ownerHash);
      if (token !== undefined && livenessMs > 0) {
        token.blocksUntil = Math.max(token.blocksUntil, this.#now() + livenessMs);
      }
    }
  }

  #inspected(key: string, seen: Inspection | null): void {
    if ((seen?.alive ?? false) !== this.#view.isTaken(key)) fail(`inspect was wrong about ${key}`);
  }

  #forced(key: string, ownerHash: string | null, before: Before, isDone: boolean): void {
    const found = before.locks.get(key);
    const isIt = found !== undefined && (found.record?.ownerHash ?? null) === ownerHash;
    othersUntouched(this.#view, before, [], isIt ? [key] : []);
    if (isIt && (!isDone || this.#view.at(key) !== undefined)) fail("forceDelete left the lock");
    const token = ownerHash === null ? undefined : this.#ledger.token(ownerHash);
    if (!isIt || token === undefined) return;
    this.#ledger.lost(token);
    this.#ledger.bury(token);
  }
}
