import { createTask, type RunCoordinator } from "node-cron";
import { describe, expect, expectTypeOf, it } from "vitest";
import { LockService, type LockEvent } from "../../src/index.ts";
import { runCoordinator, type RunCoordinatorOptions } from "../../src/cron/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { eventually } from "../dev/eventually.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const KEY = "nightly:2026-11-24T03:00:00.000Z";

it("is the coordinator that node-cron asks for", () => {
  expectTypeOf(runCoordinator).returns.toExtend<RunCoordinator>();
});

describe("an occurrence", () => {
  it("is elected once: not while it runs, nor after it, however short it was", async () => {
    const rest = rests.open();
    const [one, other] = [runCoordinator(rest.locks()), runCoordinator(() => rest.locks())];
    const elected = await Promise.all([one.shouldRun(KEY), other.shouldRun(KEY)]);
    expect(elected.toSorted()).toEqual([false, true]);
    expect(await one.shouldRun(KEY)).toBe(false);
    await (elected[0] ? one : other).onComplete(KEY);
    expect([await one.shouldRun(KEY), await other.shouldRun(KEY)]).toEqual([false, false]);
    expect(await rest.locks().recall(`cron:${KEY}`)).not.toBeNull();
  });

  it("costs two requests where it runs, and one elsewhere", async () => {
    const rest = rests.open();
    const coordinator = runCoordinator(rest.locks());
    await coordinator.shouldRun(KEY);
    await coordinator.shouldRun(KEY);
    await coordinator.onComplete(KEY);
    expect(rest.session.counters.byScript).toEqual({ admit: 2, complete: 1 });
  });

  it("keeps its lock as long as it runs, longer than a service would", async () => {
    const clock = new ManualRuntime();
    const database = new MemoryDatabase({ runtime: clock });
    const locks = new LockService({ database, runtime: clock });
    const coordinator = runCoordinator(locks);
    expect(await coordinator.shouldRun(KEY)).toBe(true);
    for (let minute = 0; minute < 20; minute += 1) await clock.advance(60_000);
    expect(await coordinator.shouldRun(KEY)).toBe(false);
    await coordinator.onComplete(KEY);
    expect(await locks.recall(`cron:${KEY}`)).not.toBeNull();
  });

  it("that lost its lock is told at its end", async () => {
    const rest = rests.open();
    const lost: LockEvent[] = [];
    const onEvent = (event: LockEvent): void => void lost.push(event);
    const coordinator = runCoordinator(rest.locks({ onEvent }));
    await coordinator.shouldRun(KEY);
    await new StoredLock(rest, `once:cron:${KEY}`).vanish();
    await expect(coordinator.onComplete(KEY)).rejects.toMatchObject({ code: "LOCK_LOST" });
  });

  it("that nobody was elected for has no end", async () => {
    const rest = rests.open();
    await runCoordinator(rest.locks()).onComplete(KEY);
    expect(rest.session.counters.requests).toBe(0);
  });
});

describe("in node-cron", () => {
  /** What becomes of the next occurrence of a task. */
  async function occurrence(
    coordinator: RunCoordinator,
    work: () => void,
  ): Promise<{ readonly skipped: string[]; readonly failed: string[]; readonly logged: string[] }> {
    const [skipped, failed, logged]: [string[], string[], string[]] = [[], [], []];
    const log = (message: string | Error): void => void logged.push(String(message));
    const task = createTask("* * * * * *", work, {
      name: "nightly",
      distributed: true,
      runCoordinator: coordinator,
      logger: { info: log, warn: log, error: log, debug: log },
    });
    task.on("execution:skipped", ({ reason }) => void skipped.push(String(reason)));
    task.on("execution:failed", ({ execution }) => void failed.push(String(execution?.error)));
    task.on("execution:finished", () => void failed.push("no"));
    await task.start();
    try {
      await eventually("it is over", () => skipped.length + failed.length > 0);
    } finally {
      await task.destroy();
    }
    return { skipped, failed, logged };
  }

  it("a run that fails has run", async () => {
    const rest = rests.open();
    const coordinator = runCoordinator(rest.locks());
    const { failed } = await occurrence(coordinator, () => {
      throw new Error("at first");
    });
    expect(failed).toEqual(["Error: at first"]);
    await eventually("it is remembered", () => rest.session.counters.byScript["complete"] === 1);
  });

  it("without an answer nobody runs, and node-cron says so", async () => {
    const database = new FaultyDatabase(new MemoryDatabase());
    database.inject({ kind: "fail", definite: true });
    let runs = 0;
    const coordinator = runCoordinator({ database, retry: { maxRetries: 0 } });
    const { skipped, logged } = await occurrence(coordinator, () => (runs += 1));
    expect([skipped, runs]).toEqual([["coordinator-error"], 0]);
    expect(logged.join()).toContain("Run coordinator failed");
  });
});

it.each<[unknown, string]>([
  [{ ttl: 1 }, "ttl"],
  [{ remember: 0 }, "remember"],
  [{ autoRenew: { maxHold: 1 } }, "autoRenew.maxHold"],
  [{ every: 1 }, "every"],
])("%j is refused where it is declared", (options, option) => {
  const declare = (): unknown => runCoordinator({} as never, options as RunCoordinatorOptions);
  expect(declare).toThrow(expect.objectContaining({ option }));
  expect(() => runCoordinator(1 as never)).toThrow(/locks/);
});
