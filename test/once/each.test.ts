import { describe, expect, it } from "vitest";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import type { LockEvent } from "../../src/index.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** What is sent together leaves at the end of a turn, which this clock does not reach by itself. */
function untilSent(clock: ManualRuntime, what: string, check: () => boolean): Promise<void> {
  return eventually(what, async () => {
    await clock.advance(0);
    return check();
  });
}

describe("O7 a batch", () => {
  it("of a hundred costs two requests, and gives each item its own result", async () => {
    const rest = rests.open();
    const outcomes = await rest.locks().onceEach(numbers(100), {
      key: (item) => `item:${item}`,
      work: (item) => item * 2,
    });
    expect(outcomes).toEqual(
      numbers(100).map((item) => ({ status: "ran", result: item * 2, remembered: "result" })),
    );
    expect(rest.session.counters.byScript).toEqual({ admit: 1, complete: 1 });
  });

  it("of two hundred and fifty is admitted in three requests, and never again", async () => {
    const rest = rests.open();
    let runs = 0;
    const options = { key: (item: number) => `item:${item}`, work: () => (runs += 1) };
    await rest.locks().onceEach(numbers(250), options);
    expect(rest.session.counters.byScript).toEqual({ admit: 3, complete: 3 });
    rest.session.counters.reset();
    const again = await rest.locks().onceEach(numbers(250), options);
    expect(again.every(({ status }) => status === "remembered")).toBe(true);
    expect(rest.session.counters.byScript).toEqual({ admit: 3 });
    expect(runs).toBe(250);
  });

  it("has failures that concern their own items alone", async () => {
    const rest = rests.open();
    await rest.command("SET", `${rest.prefix}done:garbage`, "x", "PX", 30_000);
    const outcomes = await rest.locks().onceEach(["good", "bad", "stolen", "garbage", "good"], {
      key: (item) => item,
      work: async (item) => {
        if (item === "bad") throw new Error("bad");
        if (item === "stolen") await rest.command("DEL", `${rest.prefix}lock:once:stolen`);
        return item;
      },
    });
    expect(outcomes).toMatchObject([
      { status: "ran", result: "good" },
      { status: "failed", error: { message: "bad" } },
      { status: "failed", error: { code: "LOCK_LOST", result: "stolen" } },
      { status: "failed", error: { reason: "error" } },
      { status: "running" },
    ]);
    expect(await rest.locks().recall("bad")).toBeNull();
  });

  it("remembers that an item completed whose result cannot be kept, and the results of the others", async () => {
    const rest = rests.open();
    const options = {
      key: (item: string) => item,
      work: (item: string) => (item === "large" ? "x".repeat(100) : item),
      maxResultBytes: 50,
    };
    const outcomes = await rest.locks().onceEach(["one", "large", "two"], options);
    expect(outcomes).toMatchObject([
      { status: "ran", remembered: "result" },
      { status: "ran", result: "x".repeat(100), remembered: "marker" },
      { status: "ran", remembered: "result" },
    ]);
    expect(await rest.locks().onceEach(["one", "large", "two"], options)).toMatchObject([
      { status: "remembered", hasResult: true, result: "one" },
      { status: "remembered", hasResult: false, result: undefined },
      { status: "remembered", hasResult: true, result: "two" },
    ]);
  });

  it("is renewed in one request a tick, however many of its items are at work", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const { opened, open } = gate();
    let working = 0;
    let renewed = 0;
    const onEvent = ({ type }: LockEvent): void => {
      if (type === "renewed") renewed += 1;
    };
    const batch = rest.locks({ runtime: clock, onEvent }).onceEach(numbers(100), {
      key: (item) => `item:${item}`,
      work: async () => {
        working += 1;
        await opened;
      },
      ttl: 30_000,
    });
    const { byScript } = rest.session.counters;
    await untilSent(clock, "all are at work", () => working === 100);
    for (const tick of [1, 2, 3]) {
      await clock.advance(10_000);
      // Answered, not only sent: the next tick would time out what is under way.
      await eventually("they are renewed", () => renewed === 100 * tick);
    }
    open();
    await untilSent(clock, "it has completed", () => byScript["complete"] === 1);
    await batch;
    expect(byScript).toEqual({ admit: 1, renew: 3, complete: 1 });
  });

  it("is refused as a whole for a bad key, before anything is sent", async () => {
    const rest = rests.open();
    const batch = rest.locks().onceEach(["a", ""], { key: (item) => item, work: () => 1 });
    await expect(batch).rejects.toMatchObject({ code: "LOCK_CONFIGURATION", option: "key" });
    expect(rest.session.counters.requests).toBe(0);
  });

  it("refuses options that wait", async () => {
    const rest = rests.open();
    const batch = rest.locks().onceEach(["a"], {
      key: (item) => item,
      work: () => 1,
      // @ts-expect-error nobody waits in a batch
      ifRunning: "join",
    });
    await expect(batch).rejects.toMatchObject({ option: "ifRunning" });
  });

  it("of nothing is nothing", async () => {
    const rest = rests.open();
    const batch = await rest.locks().onceEach([], { key: () => "a", work: () => 1 });
    expect([batch, rest.session.counters.requests]).toEqual([[], 0]);
  });
});
