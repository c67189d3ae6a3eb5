import { describe, expect, it } from "vitest";
import { LockService } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { requestContext } from "../../src/vercel/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest } from "../support/rest.ts";
import { eventually } from "../dev/eventually.ts";
import { useVercel } from "./vercel.ts";

const rests = useRest();
const vercel = useVercel();

const inMemory = (): LockService => new LockService({ database: new MemoryDatabase() });

describe("the context of a request on Vercel", () => {
  it("R10 keeps the function alive until its lock is released", async () => {
    const invocation = vercel.open();
    const locks = inMemory();
    const lock = await invocation.run(() => locks.forRequest(requestContext()).acquire("a"));
    const [pledge] = invocation.pledges;
    let isOver = false;
    void pledge?.then(() => (isOver = true));
    await new Promise(setImmediate);
    expect([invocation.pledges.length, isOver]).toEqual([1, false]);
    await lock.release();
    await pledge;
    expect(isOver).toBe(true);
  });

  it("is that of each request, where one process answers many", async () => {
    const [one, other] = [vercel.open(), vercel.open({ deadline: "2030-01-01T00:00:10.000Z" })];
    const locks = inMemory();
    const hold = async (key: string): Promise<Date | undefined> => {
      await Promise.resolve();
      const context = requestContext();
      await (await locks.forRequest(context).acquire(key)).release();
      return context.deadline;
    };
    const deadlines = await Promise.all([one.run(() => hold("a")), other.run(() => hold("b"))]);
    expect(deadlines).toEqual([undefined, new Date("2030-01-01T00:00:10.000Z")]);
    expect([one.pledges.length, other.pledges.length]).toEqual([1, 1]);
  });

  it("near the deadline a lock is neither requested nor renewed beyond it", async () => {
    const rest = rests.open();
    const clock = new ManualRuntime();
    const deadline = new Date(clock.wall + 35_000);
    const invocation = vercel.open({ deadline: deadline.toISOString() });
    await invocation.run(async () => {
      const locks = rest.locks({ runtime: clock }).forRequest(requestContext());
      const stored = new StoredLock(rest, "a");
      await using lock = await locks.acquire("a", { ttl: 30_000 });
      await clock.advance(10_000);
      await eventually("it is renewed", () => rest.session.counters.byScript["renew"] === 1);
      await eventually("until the deadline", () => lock.expiresAt.getTime() === deadline.getTime());
      expect(await stored.pttl()).toBeLessThanOrEqual(30_000);
      await clock.advance(20_000);
      // 5 s before the end.
      await using late = await locks.acquire("b", { ttl: 30_000 });
      expect(late.ttl).toBe(5_000);
      expect(await new StoredLock(rest, "b").pttl()).toBeLessThanOrEqual(5_000);
      await clock.advance(4_000);
      expect(lock.signal.aborted).toBe(false);
      await clock.advance(950);
      const { requests } = rest.session.counters;
      await expect(locks.acquire("c")).rejects.toMatchObject({ option: "deadline" });
      expect(rest.session.counters.requests).toBe(requests);
      await clock.advance(50);
      expect(lock.signal.aborted).toBe(true);
    });
    await Promise.all(invocation.pledges);
  });

  it.each([undefined, null, "soon", "", {}, Number.NaN])(
    "a deadline that is no time is none: %s",
    (deadline) => {
      const { deadline: read } = vercel.open({ deadline }).run(() => requestContext());
      expect(read).toBeUndefined();
    },
  );

  it("a context without waitUntil leaves the service its own", async () => {
    const pledges: Promise<unknown>[] = [];
    const locks = new LockService({
      database: new MemoryDatabase(),
      waitUntil: (promise) => void pledges.push(promise),
    });
    const invocation = vercel.open({ waitUntil: undefined } as never);
    await invocation.run(() => locks.forRequest(requestContext()).withLock("a", () => undefined));
    expect(pledges).toHaveLength(1);
  });
});

describe("elsewhere", () => {
  it("outside of a request there is nothing, and locks work as ever", async () => {
    expect(requestContext()).toEqual({ waitUntil: undefined, deadline: undefined });
    const locks = inMemory().forRequest(requestContext());
    expect(await locks.withLock("a", () => 1)).toBe(1);
  });

  it.each([null, 1, {}, { get: 1 }, { get: () => null }, { get: () => 1 }])(
    "what is no context is none: %o",
    (holder) => {
      const symbol = Symbol.for("@next/request-context");
      Reflect.set(globalThis, symbol, holder);
      try {
        expect(requestContext()).toEqual({ waitUntil: undefined, deadline: undefined });
      } finally {
        Reflect.deleteProperty(globalThis, symbol);
      }
    },
  );
});

describe("Next", () => {
  const next = useVercel("@next/request-context");

  it("`after` takes the lock's promise, in place of the platform's waitUntil", async () => {
    const tasks: Promise<unknown>[] = [];
    const after = <T>(task: Promise<T> | (() => T | Promise<T>)): void => {
      tasks.push(typeof task === "function" ? Promise.resolve(task()) : task);
    };
    const invocation = vercel.open({ deadline: "2030-01-01T00:00:10.000Z" });
    await invocation.run(async () => {
      const context = requestContext({ after });
      expect(context.deadline).toEqual(new Date("2030-01-01T00:00:10.000Z"));
      await inMemory()
        .forRequest(context)
        .withLock("a", () => undefined);
    });
    expect([tasks.length, invocation.pledges.length]).toEqual([1, 0]);
    await Promise.all(tasks);
  });

  it("the context of another host of Next serves where there is none of Vercel", async () => {
    const invocation = next.open();
    await invocation.run(() =>
      inMemory()
        .forRequest(requestContext())
        .withLock("a", () => undefined),
    );
    expect(invocation.pledges).toHaveLength(1);
  });

  it("what is no `after`, or no option, is refused", () => {
    expect(() => requestContext({ after: 1 } as never)).toThrow(/after.*function/);
    expect(() => requestContext({ waitUntil: 1 } as never)).toThrow(/waitUntil/);
  });
});
