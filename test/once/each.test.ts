import { describe, expect, it } from "vitest";
import { useRest } from "../support/rest.ts";

const rests = useRest();
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

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
