import { Injectable, type INestApplicationContext, type Type } from "@nestjs/common";
import { Cron, ScheduleModule, SchedulerRegistry } from "@nestjs/schedule";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Lock, LockService } from "../../src/index.ts";
import { LocksModule, ScheduledOnce, type ScheduledOnceOptions } from "../../src/nestjs/index.ts";
import { useRest } from "../support/rest.ts";
import { openApplication } from "./application.ts";

const rests = useRest();
const HOUR = 3_600_000;
const noon = Date.UTC(2026, 10, 24, 12);

afterEach(() => {
  vi.useRealTimers();
});

class Runs {
  readonly runs: string[] = [];
}

@Injectable()
class Reports extends Runs {
  @Cron("0 * * * *", { name: "hourly" })
  @ScheduledOnce({ name: "hourly", period: HOUR })
  async hourly(lock: Lock): Promise<void> {
    lock.assertHeld();
    this.runs.push(lock.key);
  }

  // In this order, too.
  @ScheduledOnce({ name: "failing", period: HOUR })
  @Cron("30 * * * *", { name: "failing" })
  async failing(): Promise<void> {
    this.runs.push("failing");
    if (this.runs.length === 1) throw new Error("at first");
  }
}

/** One instance of an application; `fire` has a cron job do what it does when it is due. */
async function instance<T extends object>(
  locks: LockService,
  type: Type<T>,
): Promise<{ provider: T; fire: (name: string) => Promise<void>; app: INestApplicationContext }> {
  const app = await openApplication({
    imports: [LocksModule.forRoot(locks), ScheduleModule.forRoot()],
    providers: [type],
  });
  const jobs = app.get(SchedulerRegistry);
  const fire = async (name: string): Promise<void> => {
    const job = jobs.getCronJob(name);
    // It would not wait for what it calls.
    job.waitForCompletion = true;
    await job.fireOnTick();
  };
  return { provider: app.get(type), fire, app };
}

describe("@ScheduledOnce under @Cron", () => {
  it("runs an occurrence once in all instances, however late, and the next one again", async () => {
    const rest = rests.open();
    const fleet = await Promise.all([1, 2, 3].map(() => instance(rest.locks(), Reports)));
    const fireAll = async (time: number): Promise<void> => {
      vi.useFakeTimers({ toFake: ["Date"], now: time });
      await Promise.all(fleet.map(({ fire }) => fire("hourly")));
    };
    const count = (): number => fleet.flatMap(({ provider }) => provider.runs).length;
    await fireAll(noon + 5);
    expect(count()).toBe(1);
    await fireAll(noon + 4_000);
    expect(count()).toBe(1);
    await fireAll(noon + HOUR);
    expect(count()).toBe(2);
    expect(await rest.locks().recall("cron:hourly:2026-11-24T12:00:00.000Z")).not.toBeNull();
    for (const { app } of fleet) await app.close();
  });

  it("what fails is not remembered", async () => {
    const rest = rests.open();
    const { provider, fire, app } = await instance(rest.locks(), Reports);
    vi.useFakeTimers({ toFake: ["Date"], now: noon });
    for (let times = 0; times < 3; times += 1) await fire("failing");
    expect(provider.runs).toEqual(["failing", "failing"]);
    await app.close();
  });

  it("a run that outlasts the application has lost its lock, and is not remembered", async () => {
    const rest = rests.open();
    const { provider, app } = await instance(rest.locks(), Endless);
    const run = provider.start();
    await provider.started;
    await app.close();
    provider.end();
    await expect(run).rejects.toMatchObject({ code: "LOCK_LOST" });
    expect(rest.session.counters.byScript).toEqual({ admit: 1, release: 1 });
  });

  it("without a lock service nothing runs", async () => {
    const app = await openApplication({ providers: [Reports] });
    const reports = app.get(Reports);
    const call = reports.failing();
    await expect(call).rejects.toMatchObject({ code: "LOCK_CONFIGURATION", option: "locks" });
    expect(reports.runs).toEqual([]);
    await app.close();
  });

  it.each<[object, string]>([
    [{ period: HOUR }, "name"],
    [{ name: "a" }, "period"],
    [{ name: "a", period: HOUR, mode: "no-overlap" }, "mode"],
    [{ name: "a", period: HOUR, waitTimeout: 1 }, "waitTimeout"],
  ])("%j is refused when the class is defined", (options, option) => {
    const declare = (): unknown => ScheduledOnce(options as ScheduledOnceOptions);
    expect(declare).toThrow(expect.objectContaining({ option }));
  });
});

@Injectable()
class Endless {
  begin = (): void => {};
  end = (): void => {};
  readonly started = new Promise<void>((resolve) => {
    this.begin = resolve;
  });
  readonly #ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });

  @ScheduledOnce({ name: "endless", period: HOUR })
  async work(_lock?: Lock): Promise<void> {
    this.begin();
    await this.#ended;
  }

  start(): Promise<void> {
    return this.work();
  }
}
