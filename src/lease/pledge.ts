import { LockConfigurationError } from "../errors.ts";
import { IN_BACKGROUND, surelyElapsed, type Runtime } from "../runtime.ts";
import type { Lease } from "./lease.ts";

/**
 * The promise that `waitUntil` is given before the first byte of an acquisition is sent (R10): from
 * here on the platform lets the request see its lock through, even if the client disconnects. It
 * never rejects.
 */
export class Pledge {
  readonly #runtime: Runtime;
  readonly #settle: () => void;

  /** @throws LockConfigurationError when waitUntil throws, as it does outside of a request */
  constructor(waitUntil: (promise: Promise<unknown>) => void, runtime: Runtime) {
    let settle = (): void => {};
    const promise = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#runtime = runtime;
    this.#settle = settle;
    try {
      waitUntil(promise);
    } catch (cause) {
      throw new LockConfigurationError(
        "waitUntil",
        "threw; call it inside a request, and pass the platform's context itself, forRequest(ctx), or bind it: (p) => ctx.waitUntil(p)",
        cause,
      );
    }
  }

  /** Settles once the lease, if there is one, is over, and every rollback is complete. */
  async settleAfter(rollbacks: readonly Promise<unknown>[], lease?: Lease): Promise<void> {
    if (lease !== undefined) await this.#end(lease);
    await Promise.all(rollbacks);
    this.#settle();
  }

  /** The end of a lease: its release or, if it is never released, when nothing of it can be left. */
  async #end(lease: Lease): Promise<void> {
    const runtime = this.#runtime;
    await lease.watched;
    // The request may still be at work, and its `finally` must run although the client has disconnected.
    const { since, renewal } = lease.grant;
    const { maxHoldMs } = renewal;
    const heldMs = surelyElapsed(since, runtime.now());
    const lifeMs = (Number.isFinite(maxHoldMs) ? maxHoldMs : heldMs) + lease.longestMs;
    while (!lease.ended.aborted) {
      const leftMs = lifeMs - surelyElapsed(since, runtime.now());
      // A release under way ends the lease, even one that was refused permanently once the lock is over.
      const leastMs = lease.isReleaseUnderWay ? lease.longestMs : 1;
      if (leftMs <= 0 && !lease.isReleaseUnderWay) return;
      await runtime.sleep(Math.max(leftMs, leastMs), lease.ended, IN_BACKGROUND);
    }
  }
}
