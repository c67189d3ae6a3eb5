import { isLockError } from "../../src/errors.ts";
import { LockService } from "../../src/lock-service.ts";
import type { Lock } from "../../src/lock.ts";
import type { AcquireOptions } from "../../src/lock-options.ts";
import type { Belief } from "./beliefs.ts";
import { Violation, type Call } from "./ledger.ts";
import { Outcomes, RESEND_PAUSE_MS } from "./outcomes.ts";
import { MAX_TTL_MS, type LockAction, type LookAction } from "./plan.ts";
import type { Station, World } from "./world.ts";

class WorkFailed extends Error {}

/** Executes a plan's actions with a LockService, and checks every result. */
export class ServiceScript {
  readonly #world: World;
  readonly #station: Station;
  readonly #outcomes: Outcomes;
  readonly #service: LockService;

  constructor(world: World, station: Station) {
    this.#world = world;
    this.#station = station;
    this.#outcomes = new Outcomes(world);
    const { client, database } = station;
    const { runtime, waitUntil } = client;
    const service = new LockService({ database, runtime, waitUntil, maxTtl: MAX_TTL_MS });
    this.#service = client.plan.shared ? service.forRequest({}) : service;
  }

  async look({ do: what, key }: LookAction): Promise<void> {
    try {
      if (what === "isLocked") await this.#service.isLocked(key);
      if (what === "forceRelease") await this.#service.forceRelease(key);
      if (what === "recall") this.#outcomes.recalled(key, await this.#service.recall(key));
      if (what === "forget") await this.#service.forget(key);
    } catch (error) {
      if (error instanceof Violation) throw error;
      // No answer: nothing to check.
    }
  }

  async lock(action: LockAction): Promise<void> {
    const { time, ledger } = this.#world;
    const { client } = this.#station;
    const { runtime } = client;
    const { keys, maxHold, abortMs, deadlineMs } = action;
    const trace = `c${client.id}.${action.id}`;
    const call = ledger.open(trace, client, keys, { maxHold });
    const abort = new AbortController();
    if (abortMs !== undefined) time.after(abortMs, client, () => abort.abort());
    const deadline =
      deadlineMs === undefined ? undefined : new Date(runtime.now().wall + deadlineMs);
    const service = deadline === undefined ? this.#service : this.#service.forRequest({ deadline });
    const options = { ...optionsOf(action, trace), signal: abort.signal };
    const budgetMs = this.#acquireBudget(action);
    let isAcquired = false;
    const acquired = (lock: Lock): Belief => {
      isAcquired = true;
      this.#outcomes.ended(call, "acquire", call.startedAt, budgetMs);
      return this.#world.beliefs.begin(call, lock);
    };
    try {
      if (action.do === "withLock") {
        await this.#withLock(service, action, call, options, acquired);
        return;
      }
      const { retry, waitTimeout, ...once } = options;
      const acquire = (): Promise<Lock | null> =>
        action.do === "tryAcquire"
          ? service.tryAcquire(keys, once)
          : service.acquire(keys, { ...once, retry, waitTimeout });
      const { handOff } = action;
      const lock = await (handOff === undefined ? acquire() : service.attach(handOff, once));
      if (lock === null) {
        this.#outcomes.refused(call);
        this.#outcomes.ended(call, "tryAcquire", call.startedAt, budgetMs);
        this.#outcomes.failed(call);
        return;
      }
      const belief = acquired(lock);
      await this.#work(action, belief);
      this.#world.beliefs.end(belief);
      await this.#end(action, belief);
    } catch (error) {
      if (isAcquired) throw error;
      const isOver = action.handOff !== undefined && isLockError(error, "LOCK_LOST");
      if (!isOver) this.#outcomes.notAcquired(call, error, abort.signal);
      this.#outcomes.ended(call, "acquire", call.startedAt, budgetMs);
      this.#outcomes.failed(call);
    }
  }

  async #withLock(
    service: LockService,
    action: LockAction,
    call: Call,
    options: AcquireOptions,
    acquired: (lock: Lock) => Belief,
  ): Promise<void> {
    const { beliefs, time, plan } = this.#world;
    let belief: Belief | undefined;
    let wasKept = false;
    let endedAt = 0;
    let error: unknown;
    try {
      await service.withLock(
        action.keys,
        async (lock) => {
          belief = acquired(lock);
          await this.#work(action, belief);
          wasKept = beliefs.isKept(belief);
          beliefs.end(belief);
          endedAt = time.now;
          if (action.end === "throw") throw new WorkFailed();
        },
        options,
      );
    } catch (thrown) {
      error = thrown;
    }
    if (belief === undefined) throw error;
    this.#outcomes.ended(call, "release", endedAt, 2 * plan.requestTimeout + RESEND_PAUSE_MS);
    if (action.end === "throw") {
      if (!(error instanceof WorkFailed)) throw error;
      return;
    }
    this.#outcomes.concluded(belief, error, wasKept);
    if (error === undefined && belief.tokens.every(({ releaseConfirmed }) => releaseConfirmed)) {
      this.#outcomes.released(call, belief.tokens);
    }
  }

  async #work({ steps, stepMs, ttl }: LockAction, belief: Belief): Promise<void> {
    const { beliefs, time, plan } = this.#world;
    const { lock, call } = belief;
    for (const step of steps) {
      await this.#station.client.runtime.sleep(stepMs);
      const since = time.now;
      const budgetMs = 2 * plan.requestTimeout + RESEND_PAUSE_MS;
      if (step === "write") this.#world.check(() => beliefs.write(belief));
      if (step === "stopAutoRenew") lock.stopAutoRenew();
      if (step === "isHeld") {
        try {
          const isHeld = await lock.isHeld();
          this.#outcomes.held(belief, isHeld, since);
        } catch (error) {
          if (!(error instanceof Error) || error.name !== "DatabaseError") throw error;
        }
        this.#outcomes.ended(call, "isHeld", since, budgetMs);
      }
      if (step === "extend") {
        const ms = Math.min(ttl * 2, MAX_TTL_MS);
        try {
          await lock.extend(ms);
          this.#outcomes.extended(belief, lock.ttl, since);
        } catch (error) {
          if (!(error instanceof Error) || !("code" in error)) throw error;
          this.#outcomes.extensionFailed(belief, error);
        }
        this.#outcomes.ended(call, "extend", since, budgetMs);
      }
    }
  }

  async #end(action: LockAction, belief: Belief): Promise<void> {
    const { end } = action;
    const { lock } = belief;
    if (end === "forget") return;
    if (end === "detach") return this.#handOff(action, lock);
    const first = this.#release(belief);
    if (end === "background") {
      first.catch(this.#world.broken);
      return;
    }
    if (end === "twice") await Promise.all([first, this.#release(belief)]);
    else await first;
    if (end === "throw") await lock[Symbol.asyncDispose]();
  }

  /** A queue delivers the string to each of its consumers. */
  #handOff({ keys, deliveries = [] }: LockAction, lock: Lock): void {
    const { time, stations, broken } = this.#world;
    const handOff = detached(lock);
    if (handOff === undefined) return;
    for (const [index, { client: id, afterMs }] of deliveries.entries()) {
      const station = stations.get(id);
      if (station === undefined) continue;
      const { client } = station;
      time.after(afterMs, client, () => {
        const ask = { do: "tryAcquire", id: 200 + index, atMs: time.now, keys, handOff } as const;
        const hold = { ttl: 450, renew: true, maxHold: 2_000, stepMs: 100 } as const;
        const work = { steps: ["write", "isHeld", "write"], end: "release" } as const;
        client.openRequests += 1;
        new ServiceScript(this.#world, station)
          .lock({ ...ask, ...hold, ...work })
          .catch(broken)
          .finally(() => (client.openRequests -= 1));
      });
    }
  }

  async #release({ call, lock, tokens }: Belief): Promise<void> {
    const { plan, time } = this.#world;
    const since = time.now;
    try {
      await lock.release();
      this.#outcomes.released(call, tokens);
    } catch (error) {
      this.#outcomes.notReleased(call, tokens, error);
    }
    const budgetMs = 2 * plan.requestTimeout + RESEND_PAUSE_MS;
    this.#outcomes.ended(call, "release", since, budgetMs);
  }

  #acquireBudget({ do: what, waitMs, retries }: LockAction): number {
    const { requestTimeout } = this.#world.plan;
    if (what === "tryAcquire") return requestTimeout;
    if (waitMs !== undefined) return waitMs + requestTimeout;
    return retries === 0 ? requestTimeout : Infinity;
  }
}

/** Undefined for a lock that was lost before. */
function detached(lock: Lock): string | undefined {
  try {
    return lock.detach();
  } catch (error) {
    if (isLockError(error, "LOCK_LOST")) return undefined;
    throw error;
  }
}

function optionsOf(action: LockAction, trace: string): AcquireOptions {
  const { ttl, renew, maxHold, waitMs, retries } = action;
  return {
    ttl,
    trace,
    autoRenew: renew ? { maxHold } : { enabled: false, maxHold },
    waitTimeout: waitMs,
    retry: { initialDelay: 50, maxRetries: retries },
  };
}
