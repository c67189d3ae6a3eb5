import { isLockError } from "../../src/errors.ts";
import type { Heartbeater } from "../../src/locker/heartbeater.ts";
import { Locker } from "../../src/locker/locker.ts";
import { LockStatus } from "../../src/database/lock-status.ts";
import { Violation, type Call, type Token } from "./ledger.ts";
import { LOCKER, type JobAction } from "./plan.ts";
import { Outcomes } from "./outcomes.ts";
import type { Station, World } from "./world.ts";

/** Executes a plan's actions with a Locker, and checks every result. */
export class LockerScript {
  readonly #world: World;
  readonly #station: Station;
  readonly #outcomes: Outcomes;
  readonly #locker: Locker;

  constructor(world: World, station: Station) {
    this.#world = world;
    this.#station = station;
    this.#outcomes = new Outcomes(world);
    const { client, database } = station;
    const { runtime, waitUntil } = client;
    this.#locker = new Locker({ database, runtime, waitUntil, ...LOCKER });
  }

  async job(action: JobAction): Promise<void> {
    const { client } = this.#station;
    const { ledger, plan } = this.#world;
    const trace = `c${client.id}.${action.id}`;
    const call = ledger.open(trace, client, [action.key]);
    let isAcquired = false;
    const acquired = (): void => {
      isAcquired = true;
      this.#outcomes.ended(call, "acquire", call.startedAt, plan.requestTimeout);
    };
    try {
      const isHad =
        action.do === "acquireAndRun"
          ? await this.#run(action, call, acquired)
          : await this.#acquire(action, call, acquired);
      if (isHad) return;
      this.#outcomes.refused(call);
    } catch (error) {
      if (isAcquired) throw error;
      this.#outcomes.notAcquired(call, error, undefined);
    }
    this.#outcomes.ended(call, "acquire", call.startedAt, plan.requestTimeout);
  }

  async #run(action: JobAction, call: Call, acquired: () => void): Promise<boolean> {
    const job: { token: Token | undefined; isStopped: boolean } = {
      token: undefined,
      isStopped: false,
    };
    try {
      const { status } = await this.#locker.acquireAndRun(
        action.key,
        async (heartbeater, ownerHash) => {
          acquired();
          const token = this.#world.ledger.token(ownerHash);
          if (token === undefined) throw new Violation(`${ownerHash} was never requested`);
          job.token = token;
          await this.#beat(action, token, heartbeater).catch((error: unknown) => {
            job.isStopped = true;
            throw error;
          });
        },
        call.trace,
      );
      if (status === LockStatus.SOMEONE_ELSE_HOLDS_LOCK) return false;
      if (job.token !== undefined) this.#checkResult(call, job.token);
      return true;
    } catch (error) {
      if (job.token === undefined || error instanceof Violation) throw error;
      // A permanently refused heartbeat ends the job.
      if (job.isStopped && isLockError(error, "LOCK_DATABASE")) return true;
      if (!isLockError(error, "LOCK_LOST")) throw new Violation(`job threw ${String(error)}`);
      const { releaseConfirmed, released } = job.token;
      if (releaseConfirmed && released && !job.isStopped) {
        throw new Violation(`R12: ${call.trace} lost, although its release was confirmed`);
      }
      return true;
    }
  }

  /** A heartbeat that resolves confirms that the lock is held. */
  async #beat({ steps, stepMs }: JobAction, token: Token, heartbeater: Heartbeater): Promise<void> {
    for (const step of steps) {
      await this.#station.client.runtime.sleep(stepMs);
      if (step === "work") continue;
      await heartbeater.heartbeat();
      const { view, beliefs } = this.#world;
      const isKept = [...token.grants.keys()].some((fence) =>
        view.keepsOut(token.key, token.ownerHash, fence),
      );
      if (!isKept && !beliefs.isExcused(token, token.call)) {
        throw new Violation(`a heartbeat of ${token.ownerHash} resolved although it is lost`);
      }
    }
  }

  #checkResult(call: Call, { wasLost, released, releaseConfirmed }: Token): void {
    const { lastPauseEnd, clock } = call.client;
    const isDisturbed = lastPauseEnd >= call.startedAt || clock.disturbedUntil >= call.startedAt;
    if (!released && releaseConfirmed && !isDisturbed && !wasLost) {
      throw new Violation(`${call.trace} returned the result of lost work`);
    }
    if (released && releaseConfirmed) call.closed = "released";
  }

  async #acquire(action: JobAction, call: Call, acquired: () => void): Promise<boolean> {
    const { client } = this.#station;
    const { ledger, time, plan } = this.#world;
    const outcome = await this.#locker.acquire(action.key, call.trace);
    if (outcome.status === LockStatus.SOMEONE_ELSE_HOLDS_LOCK) return false;
    acquired();
    const token = ledger.token(outcome.lockData.ownerHash);
    if (token === undefined) throw new Violation("got a lock that was never requested");
    for (const step of action.steps) {
      await client.runtime.sleep(action.stepMs);
      if (step !== "extend") continue;
      try {
        await outcome.extend();
      } catch (error) {
        if (!isLockError(error, "LOCK_DATABASE")) throw new Violation(`threw ${String(error)}`);
      }
    }
    const since = time.now;
    try {
      const { status } = await this.#locker.release(action.key, outcome.lockData);
      if (status === LockStatus.SUCCESS) this.#outcomes.released(call, [token]);
      else if (token.released && token.releaseConfirmed && !token.tombstoneLost) {
        throw new Violation(`${call.trace} returned ${status}, but its release was confirmed`);
      }
    } catch (error) {
      if (error instanceof Violation) throw error;
      this.#outcomes.notReleased(call, [token], error);
    }
    this.#outcomes.ended(call, "release", since, 2 * plan.requestTimeout + 100);
    return true;
  }
}
