import { describe, expect, it } from "vitest";
import {
  scheduledOnce,
  type CronController,
  type ScheduledOptions,
} from "../../src/cloudflare/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();
const env = {};
const noon = Date.UTC(2026, 10, 24, 12);

const cron = (scheduledTime = noon, expression = "0 12 * * *"): CronController => ({
  cron: expression,
  scheduledTime,
  noRetry: () => undefined,
});

/** A trigger whose handler records for when it runs, and does `work`. */
function trigger(
  rest: Rest,
  options: Partial<ScheduledOptions> = {},
  work: (run: number) => unknown = () => undefined,
): { readonly runs: string[]; readonly fire: (controller: CronController) => Promise<void> } {
  const runs: string[] = [];
  const scheduled = scheduledOnce(
    () => rest.locks(),
    { name: "report", ...options },
    async (controller, _env: object) => {
      runs.push(`${controller.cron} ${controller.scheduledTime}`);
      await work(runs.length);
    },
  );
  return { runs, fire: (controller) => scheduled(controller, env, {}) };
}

describe("once for each occurrence", () => {
  it("an occurrence that is delivered again, or meanwhile, does not run again", async () => {
    const rest = rests.open();
    const { runs, fire } = trigger(rest, {}, () => fire(cron()));
    await fire(cron());
    expect(rest.session.counters.byScript).toEqual({ admit: 2, complete: 1 });
    await fire(cron());
    expect(rest.session.counters.byScript).toEqual({ admit: 3, complete: 1 });
    expect(runs).toHaveLength(1);
  });

  it("the next occurrence runs, and so does another cron of the same time, or another name", async () => {
    const rest = rests.open();
    const { runs, fire } = trigger(rest);
    const other = trigger(rest, { name: "cleanup" });
    await fire(cron());
    await fire(cron(noon + 60_000));
    await fire(cron(noon, "* * * * *"));
    await other.fire(cron());
    expect([runs.length, other.runs.length]).toEqual([3, 1]);
  });

  it("an occurrence whose handler failed fails its invocation, and runs when it is delivered again", async () => {
    const rest = rests.open();
    const { runs, fire } = trigger(rest, {}, (run) => {
      if (run === 1) throw new Error("at first");
    });
    await expect(fire(cron())).rejects.toThrow("at first");
    await fire(cron());
    await fire(cron());
    expect(runs).toHaveLength(2);
  });

  it("is remembered for as long as it says, and without what the handler returned", async () => {
    const rest = rests.open();
    const { fire } = trigger(rest, { remember: 3_600_000 }, () => "x".repeat(1_000));
    await fire(cron());
    const key = `${rest.prefix}done:cron:report:0 12 * * *:2026-11-24T12:00:00.000Z`;
    expect(Number(await rest.command("PTTL", key))).toBeGreaterThan(3_500_000);
    expect(String(await rest.command("GET", key)).length).toBeLessThan(300);
  });
});

describe("without overlapping", () => {
  const alone = { mode: "no-overlap" } as const;

  it("an occurrence is skipped while an earlier one is at work, whichever cron it is of", async () => {
    const rest = rests.open();
    const { runs, fire } = trigger(rest, alone, () => fire(cron(noon + 60_000, "* * * * *")));
    await fire(cron());
    expect(runs).toEqual([`0 12 * * * ${noon}`]);
    expect(rest.session.counters.byScript).toEqual({ acquire: 2, release: 1 });
  });

  it("runs again as soon as the earlier one has ended, even if that failed", async () => {
    const rest = rests.open();
    const { runs, fire } = trigger(rest, alone, (run) => {
      if (run === 1) throw new Error("at first");
    });
    await expect(fire(cron())).rejects.toThrow("at first");
    await fire(cron(noon + 60_000));
    await fire(cron(noon + 60_000));
    expect(runs).toHaveLength(3);
  });
});

it("a handler gets controller, env, context and lock", async () => {
  const rest = rests.open();
  const seen: unknown[] = [];
  const scheduled = scheduledOnce(
    (given: { readonly NAME: string }, ctx) => {
      seen.push(given.NAME, ctx);
      return rest.locks();
    },
    { name: "report", mode: "no-overlap", trace: "night" },
    (...given) => seen.push(...given.slice(0, 3), given[3].key, given[3].trace),
  );
  const ctx = { waitUntil: (promise: Promise<unknown>) => void rest.pledges.push(promise) };
  const controller = cron();
  await scheduled(controller, { NAME: "x" }, ctx);
  expect(seen).toEqual(["x", ctx, controller, { NAME: "x" }, ctx, "cron:report", "night"]);
  expect(rest.pledges, "its lock is given to waitUntil").toHaveLength(1);
});

it.each(["occurrence", "no-overlap"] as const)(
  "without an answer of Redis nothing runs, and the invocation fails (%s)",
  async (mode) => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "error-json" });
    const { runs, fire } = trigger(rest, { mode });
    await expect(fire(cron())).rejects.toMatchObject({ code: "LOCK_ACQUISITION", reason: "error" });
    expect(runs).toEqual([]);
  },
);

describe("what cannot work is refused when it is made", () => {
  const database = new MemoryDatabase();
  const handler = (): void => undefined;
  const name = "report";

  it.each<[string, () => unknown]>([
    ["locks", () => scheduledOnce(undefined as never, { name }, handler)],
    ["handler", () => scheduledOnce(database, { name }, undefined as never)],
    ["name", () => scheduledOnce(database, {} as never, handler)],
    ["name", () => scheduledOnce(database, { name: "" }, handler)],
    ["nome", () => scheduledOnce(database, { name, nome: "x" } as never, handler)],
    ["mode", () => scheduledOnce(database, { name, mode: "once" } as never, handler)],
    ["remember", () => scheduledOnce(database, { name, remember: 0.5 }, handler)],
    ["remember", () => scheduledOnce(database, { name, mode: "no-overlap", remember: 1 }, handler)],
    ["ttl", () => scheduledOnce(database, { name, ttl: 1 }, handler)],
  ])("%s (%#)", (option, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "LOCK_CONFIGURATION", option }));
  });
});
