import { describe, expect, it } from "vitest";
import { type LockEvent, type LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { gate } from "../dev/gate.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** Runs a job in one service, and hands over while it is under way. */
async function whileRunning(
  locks: LockService,
  key: string,
  then: () => Promise<void>,
): Promise<void> {
  const [started, end] = [gate(), gate()];
  const first = locks.once(key, async () => {
    started.open();
    await end.opened;
    return "first";
  });
  await started.opened;
  try {
    await then();
  } finally {
    end.open();
    await first;
  }
}

describe("a job that arrives twice", () => {
  it("runs once, and the second call gets the result of the first", async () => {
    const rest = rests.open();
    let runs = 0;
    const charge = (): { id: number } => ({ id: (runs += 1) });
    expect(await rest.locks().once("pay", charge)).toEqual({
      status: "ran",
      result: { id: 1 },
      remembered: "result",
    });
    expect(await rest.locks().once("pay", charge)).toEqual({
      status: "remembered",
      hasResult: true,
      result: { id: 1 },
      completedAt: expect.any(Date),
    });
    expect(runs).toBe(1);
  });

  it("costs 2 requests the first time, and 1 for each duplicate", async () => {
    const rest = rests.open();
    await rest.locks().once("pay", () => 1);
    expect(rest.session.counters).toMatchObject({ requests: 2, commands: 2 });
    expect(rest.session.counters.byScript).toEqual({ admit: 1, complete: 1 });
    rest.session.counters.reset();
    await rest.locks().once("pay", () => 2);
    expect(rest.session.counters).toMatchObject({ requests: 1, commands: 1 });
  });

  it("is told that it is running, by default", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await whileRunning(locks, "pay", async () => {
      const { remainingMs } = (await locks.inspect("once:pay")) ?? {};
      expect(remainingMs).toBeGreaterThan(0);
      expect(await rest.locks().once("pay", () => "second")).toEqual({
        status: "running",
        remainingMs: expect.any(Number),
      });
    });
  });

  it("throws while it is running, if asked to", async () => {
    const rest = rests.open();
    const locks = rest.locks();
    await whileRunning(locks, "pay", async () => {
      const second = rest.locks().once("pay", () => "second", { ifRunning: "throw" });
      await expect(second).rejects.toMatchObject({ code: "LOCK_ACQUISITION", reason: "held" });
    });
  });

  it("joins the one that is running, and gets its result", async () => {
    const rest = rests.open();
    const end = gate();
    const first = rest.locks().once("pay", async () => {
      await end.opened;
      return "first";
    });
    const joining = rest.locks();
    let looks = 0;
    joining.events.subscribe(({ type }) => void (looks += type === "busy" ? 1 : 0));
    await eventually("it is running", async () => (await joining.inspect("once:pay")) !== null);
    const second = joining.once("pay", () => "second", { ifRunning: "join" });
    await eventually("the second waits", () => looks > 0);
    end.open();
    expect(await first).toMatchObject({ status: "ran", result: "first" });
    expect(await second).toMatchObject({ status: "remembered", result: "first" });
  });

  it("runs in a joiner when the first has failed", async () => {
    const rest = rests.open();
    const [started, end] = [gate(), gate()];
    const first = rest.locks().once("pay", async (): Promise<string> => {
      started.open();
      await end.opened;
      throw new Error("declined");
    });
    await started.opened;
    const second = rest.locks().once("pay", () => "second", { ifRunning: "join" });
    end.open();
    await expect(first).rejects.toThrow("declined");
    expect(await second).toMatchObject({ status: "ran", result: "second" });
  });

  it("O5 of many joiners of a run that fails one runs, and the others get its result", async () => {
    const rest = rests.open();
    const [started, end] = [gate(), gate()];
    const first = rest.locks().once("pay", async (): Promise<number> => {
      started.open();
      await end.opened;
      throw new Error("declined");
    });
    await started.opened;
    let runs = 0;
    let looks = 0;
    const joiners = Array.from({ length: 5 }, () => {
      const joining = rest.locks();
      joining.events.subscribe(({ type }) => void (looks += type === "busy" ? 1 : 0));
      return joining.once("pay", () => (runs += 1), { ifRunning: "join" });
    });
    await eventually("all of them wait", () => looks >= joiners.length);
    end.open();
    await expect(first).rejects.toThrow("declined");
    const outcomes = await Promise.all(joiners);
    expect(runs).toBe(1);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual([
      "ran",
      ...Array.from({ length: 4 }, () => "remembered"),
    ]);
    expect(outcomes.map(({ result }) => result)).toEqual(joiners.map(() => 1));
  });

  it("does not run when its bounded wait ends", async () => {
    const rest = rests.open();
    let runs = 0;
    await whileRunning(rest.locks(), "pay", async () => {
      const options = { ifRunning: "join", waitTimeout: 150 } as const;
      const second = rest.locks().once("pay", () => (runs += 1), options);
      await expect(second).rejects.toMatchObject({ reason: "timeout" });
    });
    expect(runs).toBe(0);
  });
});

describe("what is remembered", () => {
  it("is no failed run: the next call runs at once, and a plain error is thrown as it is", async () => {
    const rest = rests.open();
    const declined = new Error("declined");
    const failing = rest.locks().once("pay", (): number => {
      throw declined;
    });
    await expect(failing).rejects.toBe(declined);
    expect(await rest.locks().once("pay", () => 2)).toMatchObject({ status: "ran", result: 2 });
  });

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a text", "\ud800"],
    ["zero", 0],
    ["a list", [1, { a: null }]],
  ])("is %s, as it was returned", async (_, result) => {
    const rest = rests.open();
    const ran = await rest.locks().once("job", () => result);
    expect(ran).toEqual({ status: "ran", result, remembered: "result" });
    const again = await rest.locks().once("job", () => result);
    expect(again).toMatchObject({ status: "remembered", hasResult: true, result });
  });

  it.each([
    ["is too large", () => "x".repeat(300_000), {}],
    ["is larger than maxResultBytes, in UTF-8", () => "ää", { maxResultBytes: 5 }],
    ["cannot be encoded", () => cyclic(), {}],
    ["is encoded as no string", () => Symbol("x") as unknown as string, {}],
  ])("is that it completed, when a result %s: it never runs again", async (_, work, options) => {
    const rest = rests.open();
    const events: LockEvent[] = [];
    const locks = rest.locks({ onEvent: (event) => void events.push(event) });
    const ran = await locks.once("job", work, options);
    expect(ran).toMatchObject({ status: "ran", remembered: "marker" });
    expect(events.map(({ type }) => type)).toContain("resultNotKept");
    expect(await rest.locks().once("job", work, options)).toEqual({
      status: "remembered",
      hasResult: false,
      result: undefined,
      completedAt: expect.any(Date),
    });
  });

  it("passes through a codec, for the first caller too", async () => {
    const rest = rests.open();
    const codec = {
      encode: (date: Date) => String(date.getTime()),
      decode: (text: string) => new Date(Number(text)),
    };
    const date = new Date(17.9);
    const ran = await rest.locks().once("job", () => date, { codec });
    expect(ran).toMatchObject({ result: new Date(17) });
    expect(await rest.locks().once("job", () => date, { codec })).toMatchObject({
      result: new Date(17),
    });
    expect(await rest.locks().recall("job", { codec })).toMatchObject({ result: new Date(17) });
  });

  it("can be recalled, and forgotten", async () => {
    const rest = rests.open();
    const locks = rest.locks({ keyPrefix: "shop:" });
    expect([await locks.recall("job"), await locks.forget("job")]).toEqual([null, false]);
    await locks.once("job", () => 1);
    expect(await locks.recall("job")).toMatchObject({ status: "remembered", result: 1 });
    expect(await rest.locks().recall("shop:job")).toMatchObject({ result: 1 });
    expect(await locks.forget("job")).toBe(true);
    expect(await locks.once("job", () => 2)).toMatchObject({ status: "ran", result: 2 });
  });

  it("is kept for as long as was asked", async () => {
    const rest = rests.open();
    await rest.locks().once("job", () => 1, { remember: 60_000 });
    const ttl = Number(await rest.command("PTTL", `${rest.prefix}done:job`));
    expect(ttl).toBeGreaterThan(30_000);
    expect(ttl).toBeLessThanOrEqual(60_000);
  });
});

describe("a fingerprint", () => {
  it("refuses the same key with other input, after and while the job runs", async () => {
    const rest = rests.open();
    const run = (fingerprint?: string) =>
      rest.locks().once("pay", () => 1, { fingerprint, ifRunning: "join" });
    await run("10 EUR");
    await expect(run("20 EUR")).rejects.toMatchObject({ code: "LOCK_FINGERPRINT" });
    expect(await run("10 EUR")).toMatchObject({ status: "remembered" });
    expect(await run()).toMatchObject({ status: "remembered" });
    const started = gate();
    const end = gate();
    const first = rest.locks().once(
      "other",
      async () => {
        started.open();
        await end.opened;
      },
      { fingerprint: "a" },
    );
    await started.opened;
    const second = rest.locks().once("other", () => 1, { fingerprint: "b", ifRunning: "join" });
    await expect(second).rejects.toMatchObject({ code: "LOCK_FINGERPRINT" });
    end.open();
    await first;
  });

  it("shows in no error", async () => {
    const rest = rests.open();
    await rest.locks().once("pay", () => "s3cret", { fingerprint: "pr1vate" });
    const error: unknown = await rest
      .locks()
      .once("pay", () => 1, { fingerprint: "other" })
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error) + String(error)).not.toMatch(/s3cret|pr1vate|other"/);
  });
});

describe("a run that lost its lock", () => {
  it("O2 completes nothing, and rejects with its result", async () => {
    const rest = rests.open();
    const work = async (): Promise<string> => {
      await rest.command("DEL", `${rest.prefix}lock:once:pay`);
      return "charged";
    };
    const lost = rest.locks().once("pay", work);
    await expect(lost).rejects.toMatchObject({ code: "LOCK_LOST", result: "charged" });
    expect(await rest.locks().recall("pay")).toBeNull();
  });

  it("O2 leaves its successor's result alone", async () => {
    const rest = rests.open();
    const stale = rest.locks().once("pay", async () => {
      await rest.locks().forceRelease("once:pay");
      await rest.locks().once("pay", () => "successor");
      return "stale";
    });
    await expect(stale).rejects.toMatchObject({ code: "LOCK_LOST", result: "stale" });
    expect(await rest.locks().recall("pay")).toMatchObject({ result: "successor" });
  });

  it("O2 that released the lock itself is not remembered", async () => {
    const rest = rests.open();
    const run = rest.locks().once("pay", async (lock) => {
      await lock.release();
      return 1;
    });
    await expect(run).rejects.toMatchObject({ code: "LOCK_LOST", result: 1 });
    expect(await rest.locks().recall("pay")).toBeNull();
  });
});

it("O1 a hundred calls at once are one run", async () => {
  const rest = rests.open();
  let runs = 0;
  const calls = Array.from({ length: 100 }, () => rest.locks().once("job", () => (runs += 1)));
  const outcomes = await Promise.all(calls);
  expect(runs).toBe(1);
  const ran = outcomes.filter(({ status }) => status === "ran");
  expect(ran).toHaveLength(1);
});

it("a key at which something else is stored is an error that names it, and nothing runs", async () => {
  const rest = rests.open();
  await rest.command("SET", `${rest.prefix}done:job`, "not ours", "PX", 30_000);
  let runs = 0;
  const call = rest.locks().once("job", () => (runs += 1));
  await expect(call).rejects.toMatchObject({
    reason: "error",
    message: expect.stringContaining("done:job"),
  });
  await expect(rest.locks().recall("job")).rejects.toThrow("done:job");
  expect(runs).toBe(0);
});

function cyclic(): string {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  return loop as unknown as string;
}
