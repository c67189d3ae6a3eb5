import { LockService, RedisDatabase, systemRuntime } from "../../src/index.ts";
import type { Lock, RedisClient } from "../../src/index.ts";
import { GRACE_MS, LONGEST_TTL_MS, TTL_MS, type Scene } from "./scene.ts";

const PERIOD_MS = 90;
const HOLD_MS = 10;
/** Its network has no faults, so that it always knows what it holds. */
const REQUEST_TIMEOUT_MS = 20_000;

/** Another client that keeps contending for the same lock, and is never hit by a fault. */
export class Competitor {
  readonly locks: LockService;
  readonly #scene: Scene;
  readonly #held: { readonly from: number; to: number }[] = [];
  readonly #end = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(scene: Scene, redis: RedisClient) {
    this.#scene = scene;
    const { prefix, runtime } = scene;
    const options = { prefix, runtime, gracePeriod: GRACE_MS, requestTimeout: REQUEST_TIMEOUT_MS };
    const database = new RedisDatabase(redis, options);
    this.locks = new LockService({ database, runtime, defaultTtl: LONGEST_TTL_MS });
  }

  /** Acquires the lock again and again. */
  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** Acquires the lock once, for a while, if it is free. */
  async holdOnce(ms: number): Promise<void> {
    // From before the request: others may see its lock before it does.
    const span = { from: performance.now(), to: Infinity };
    this.#held.push(span);
    try {
      const lock = await this.locks.tryAcquire(this.#scene.key);
      if (lock === null) this.#held.splice(this.#held.indexOf(span), 1);
      else await this.#hold(lock, ms);
    } finally {
      span.to = performance.now();
    }
  }

  async #hold(lock: Lock, ms: number): Promise<void> {
    const { referee, isInterfered } = this.#scene;
    referee.enter("competitor", lock, isInterfered);
    await this.#scene.work("competitor", lock, ms);
    await this.#release(lock);
  }

  /** Whether a refusal at some time between these two is correct. */
  mayHaveHeld(from: number, to: number): boolean {
    return this.#held.some((span) => span.from <= to && span.to >= from);
  }

  async #release(lock: Lock): Promise<void> {
    const { referee } = this.#scene;
    await this.#scene.checkBelief(lock);
    referee.leave("competitor");
    try {
      await lock.release();
    } catch (error) {
      if (Date.now() - lock.acquiredAt.getTime() < TTL_MS) {
        referee.report(`the competitor could not release what it held: ${String(error)}`);
      }
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.holdOnce(HOLD_MS).catch((error: unknown) => {
        this.#scene.referee.report(`the competitor failed: ${String(error)}`);
      });
      await systemRuntime.sleep(Math.random() * PERIOD_MS, signal);
    }
  }
}
