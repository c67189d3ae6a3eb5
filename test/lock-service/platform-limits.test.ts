import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { locks, withLock, type LocksVariables } from "../../src/hono/index.ts";
import type { LockEvent, LockService } from "../../src/index.ts";
import { eventually } from "../dev/eventually.ts";
import { heldBack } from "../http/held-back.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** The events of one type, as they come. */
function heard(service: LockService, type: LockEvent["type"]): LockEvent[] {
  const events: LockEvent[] = [];
  service.events.subscribe((event) => event.type === type && events.push(event));
  return events;
}

describe("requestBudget:", () => {
  it("one event warns when as many requests are used up, retries and renewals included", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock, requestBudget: 4 });
    const holder = await rest.locks().acquire("held");
    const before = rest.session.counters.requests;
    const warnings = heard(service, "requestBudget");
    const sent = (): number => rest.session.counters.requests - before;

    const request = service.forRequest({});
    const lock = await request.acquire("a", { ttl: 30_000 });
    const refused = request.acquire("held", { retry: { maxRetries: 1 } });
    const failed = expect(refused).rejects.toThrow("held");
    await eventually("the first attempt is refused", () => sent() === 2);
    await eventually("it pauses", () => clock.sleeping.some((ms) => ms > 0 && ms <= 400));
    await clock.advance(400);
    await failed;
    expect([sent(), warnings]).toEqual([3, []]);
    await clock.advance(10_000);
    await eventually("it is renewed", () => sent() === 4);
    expect(warnings).toEqual([{ type: "requestBudget", requests: 4 }]);
    expect(await lock.isHeld(), "nothing is held back").toBe(true);
    await lock.release();
    expect([sent(), warnings.length]).toEqual([6, 1]);
    await holder.release();
  });

  it("warns before the last of them leaves", async () => {
    const rest = rests.open();
    const sent: number[] = [];
    const service = rest.locks({
      requestBudget: 2,
      onEvent: ({ type }) => {
        if (type === "requestBudget") sent.push(rest.session.counters.requests);
      },
    });
    await service.forRequest({}).withLock("a", () => undefined);
    expect(sent).toEqual([1]);
  });

  it("each request has its own, however often its service is bound again", async () => {
    const rest = rests.open();
    const service = rest.locks({ requestBudget: 3 });
    const warnings = heard(service, "requestBudget");
    const [first, second] = [service.forRequest({}), service.forRequest({})];
    await first.isLocked("a");
    await first.forRequest({}).isLocked("a");
    await second.isLocked("a");
    await service.isLocked("a");
    await service.isLocked("a");
    expect(warnings).toEqual([]);
    await first.forRequest({}).isLocked("a");
    expect(warnings).toHaveLength(1);
  });

  it("a batch of jobs takes one for its admissions and one for its completions", async () => {
    const rest = rests.open();
    const warnings = (requestBudget: number): LockEvent[] =>
      heard(service(requestBudget), "requestBudget");
    const services = new Map<number, LockService>();
    const service = (requestBudget: number): LockService => {
      const made = services.get(requestBudget) ?? rest.locks({ requestBudget });
      services.set(requestBudget, made);
      return made;
    };
    for (const [budget, warned] of [
      [2, 1],
      [3, 0],
    ] as const) {
      const events = warnings(budget);
      const items = [`${budget}:1`, `${budget}:2`, `${budget}:3`];
      await service(budget)
        .forRequest({})
        .onceEach(items, { key: (item) => item, work: () => 1, remember: 30_000 });
      expect(events, `with a budget of ${budget}`).toHaveLength(warned);
    }
  });
});

describe("responded:", () => {
  it("a lock that is held 20 s after the response emits heldAfterResponse once, and is renewed on", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock });
    const warnings = heard(service, "heldAfterResponse");
    const request = service.forRequest({});
    const short = await request.acquire("short", { ttl: 60_000 });
    const lock = await request.acquire("a", { ttl: 60_000, trace: "report" });
    await clock.advance(7_000);
    request.responded();
    request.responded();
    await short.release();
    await clock.advance(19_999);
    expect(warnings).toEqual([]);
    await clock.advance(1);
    const { token } = lock;
    expect(warnings).toEqual([
      { type: "heldAfterResponse", keys: ["a"], token, trace: "report", sinceResponseMs: 20_000 },
    ]);
    await clock.advance(20_000);
    expect([warnings.length, lock.isAutoRenewing]).toEqual([1, true]);
    await lock.release();
  });

  it("a lock that is acquired after the response counts from the response", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock });
    const warnings = heard(service, "heldAfterResponse");
    const request = service.forRequest({});
    request.responded();
    await clock.advance(15_000);
    const lock = await request.acquire("a", { ttl: 60_000 });
    await clock.advance(5_000);
    expect(warnings).toMatchObject([{ keys: ["a"], sinceResponseMs: 20_000 }]);
    await clock.advance(4_000);
    const late = await request.acquire("late", { ttl: 60_000 });
    await clock.advance(0);
    expect(warnings).toMatchObject([{ keys: ["a"] }, { keys: ["late"], sinceResponseMs: 24_000 }]);
    await late.release();
    await lock.release();
  });

  it("one that is released by then emits nothing, and leaves no timer", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock });
    const warnings = heard(service, "heldAfterResponse");
    const request = service.forRequest({});
    const lock = await request.acquire("a");
    request.responded();
    await lock.release();
    expect(clock.sleeping).toEqual([]);
    await clock.advance(30_000);
    expect(warnings).toEqual([]);
  });

  it("needs a service that is bound to a request", () => {
    const rest = rests.open();
    expect(() => rest.locks().responded()).toThrow(
      expect.objectContaining({ code: "LOCK_CONFIGURATION", option: "responded" }),
    );
  });
});

describe("Hono's locks() tells of the response:", () => {
  it.each(["answers", "throws"])("of a handler that %s while work goes on", async (how) => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock });
    const warnings = heard(service, "heldAfterResponse");
    const app = new Hono<{ Variables: LocksVariables }>();
    app.onError((error, c) => c.text(error.message, 500));
    app.use(locks(() => service));
    let release = (): Promise<void> => expect.fail("no lock");
    app.post("/", async (c) => {
      const lock = await c.var.locks.acquire("a", { ttl: 60_000 });
      release = () => lock.release();
      await clock.advance(10_000);
      if (how === "throws") throw new Error("after it had begun");
      return c.text("accepted", 202);
    });
    await app.request("/", { method: "POST" });
    await clock.advance(19_999);
    expect(warnings).toEqual([]);
    await clock.advance(1);
    expect(warnings).toMatchObject([{ keys: ["a"] }]);
    await release();
  });

  it("not while a guard holds its lock until the body ends: the response is not over", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const service = rest.locks({ runtime: clock });
    const warnings = heard(service, "heldAfterResponse");
    const source = heldBack();
    const app = new Hono();
    app.use(locks(() => service));
    app.get("/", withLock({ key: "a", ttl: 60_000, hold: "response" }), () => {
      return new Response(source.body);
    });
    const response = await app.request("/");
    await clock.advance(30_000);
    expect(warnings).toEqual([]);
    await response.body?.cancel();
    expect(await new StoredLock(rest, "a").record()).toBeNull();
  });
});
