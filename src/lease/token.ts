import type { LeaseContext } from "./context.ts";
import type { Claim } from "../database/operations.ts";
import { formatOwnerHash } from "../locker/owner-hash.ts";
import type { Instant } from "../runtime.ts";

/** What to ask for, in ms. */
export interface Ask {
  readonly ttlMs: number;
  readonly livenessMs: number;
}

/** The name under which an acquisition asks: a lock and its liveness record live and die together. */
export class Token {
  readonly #context: LeaseContext;
  readonly #keys: readonly [string, ...string[]];
  readonly #processHash: string;
  readonly #trace: string | undefined;
  /** Something may be stored under it. */
  isOpen = false;
  /** The longest time asked for under it. */
  longestMs = 0;
  /** When its first send left. */
  since: Instant | undefined;

  constructor(
    context: LeaseContext,
    keys: readonly [string, ...string[]],
    trace: string | undefined,
  ) {
    this.#context = context;
    this.#keys = keys;
    this.#trace = trace;
    this.#processHash = `leasehold/${context.runtime.token()}`;
  }

  /**
   * Its claims, as they are to be stored. A record tells its liveness only where it lasts as long as the
   * lock: one whose lock can outlive its holder is to be suspected until its last moment.
   *
   * @param ask undefined where only the owner matters
   */
  claims(ask?: Ask): readonly [Claim, ...Claim[]] {
    const { database, keyPrefix } = this.#context;
    const [first, ...rest] = this.#keys;
    const liveness =
      ask !== undefined && ask.livenessMs >= ask.ttlMs ? { livenessMs: ask.livenessMs } : {};
    const claim = (name: string): Claim => {
      const key = keyPrefix + name;
      const ownerHash = formatOwnerHash(key, this.#processHash, this.#trace);
      const owner = { ownerHash, processHash: this.#processHash, trace: this.#trace };
      return { key, lockData: { ...database.createLockData(owner), ...liveness } };
    };
    return [claim(first), ...rest.map(claim)];
  }
}
