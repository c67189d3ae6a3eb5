import type { ReleaseOutcome, ReleaseRequest } from "../../src/database/operations.ts";
import { fail, othersUntouched, tokensOf, type Before } from "./evidence.ts";
import type { Ledger } from "./ledger.ts";
import type { StoreView } from "./store-view.ts";

/** What a release may do to the store, and what it must return (R3, R4). */
export class ReleaseLaws {
  readonly #view: StoreView;
  readonly #ledger: Ledger;

  constructor(view: StoreView, ledger: Ledger) {
    this.#view = view;
    this.#ledger = ledger;
  }

  /** @param isAlive of a completion, whether the liveness it needs is there; a release needs none */
  released(
    { claims, fence }: ReleaseRequest,
    before: Before,
    outcome: ReleaseOutcome | undefined,
    isAlive = true,
  ): void {
    othersUntouched(this.#view, before, claims);
    if (outcome === undefined) return fail("a release that arrived was refused");
    const tokens = tokensOf(this.#ledger, claims);
    for (const [index, { key, lockData }] of claims.entries()) {
      const found = before.locks.get(key)?.record;
      const token = tokens[index];
      if (this.#view.at(key)?.record?.ownerHash === lockData.ownerHash) {
        fail(`a release left ${lockData.ownerHash}`);
      }
      if (token === undefined) continue;
      token.releasesApplied += 1;
      const isOwn = found?.ownerHash === lockData.ownerHash;
      if (isOwn && isAlive && (fence === undefined || fence === found.fence)) token.released = true;
    }
    const isReleased = tokens.every(({ released }) => released);
    if (outcome.status === "released" && !isReleased) fail("a release of nothing was a success");
    if (outcome.status !== "released" && isReleased && tokens.every((t) => !t.tombstoneLost)) {
      const isRemembered = tokens.every(
        (token) => token.goneAt === -Infinity || this.#ledger.isBuried(token),
      );
      if (isRemembered) fail(`R4: a release of its own lock was ${outcome.status}`);
    }
    for (const token of tokens) {
      // Its tombstone had expired: this outcome may not be the original one.
      if (token.goneAt > -Infinity && !this.#ledger.isBuried(token)) token.tombstoneLost = true;
      this.#ledger.bury(token);
    }
  }
}
