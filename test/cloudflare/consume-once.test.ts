import { describe, expect, it } from "vitest";
import { consumeOnce, type ConsumeOptions } from "../../src/cloudflare/index.ts";
import { LockService, type Lock } from "../../src/index.ts";
import { MemoryDatabase } from "../../src/testing/index.ts";
import { MinimalDatabase } from "../support/minimal-database.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { batchOf } from "./batch.ts";

const rests = useRest();
const env = {};
const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

interface Recorded {
  readonly handled: unknown[];
  readonly failures: [message: string, error: unknown][];
  readonly consume: ReturnType<typeof consumeOnce<unknown, object>>;
}

/** A consumer whose handler fails for bodies that are errors. */
function consumer(rest: Rest, options: ConsumeOptions<unknown> = {}): Recorded {
  const handled: unknown[] = [];
  const failures: Recorded["failures"] = [];
  const onError = (error: unknown, { id }: { id: string }): void => void failures.push([id, error]);
  const consume = consumeOnce(
    () => rest.locks(),
    { retry: { jitter: false }, onError, ...options },
    (message, _env: object) => {
      handled.push(message.body);
      if (message.body instanceof Error) throw message.body;
    },
  );
  return { handled, failures, consume };
}

describe("a batch", () => {
  it("of a hundred is handled with two requests, and again with one, without the handler", async () => {
    const rest = rests.open();
    const { consume, handled } = consumer(rest);
    const first = batchOf(numbers(100));
    await consume(first, env, {});
    expect(first.decisions).toEqual(numbers(100).map(() => "ack"));
    expect(rest.session.counters.byScript).toEqual({ admit: 1, complete: 1 });
    rest.session.counters.reset();
    const again = batchOf(numbers(100), { attempts: 2 });
    await consume(again, env, {});
    expect(again.decisions).toEqual(numbers(100).map(() => "ack"));
    expect(rest.session.counters.byScript).toEqual({ admit: 1 });
    expect(handled).toEqual(numbers(100));
  });

  it("has failures that keep no other message from being acknowledged", async () => {
    const rest = rests.open();
    const { consume, handled, failures } = consumer(rest);
    const poison = new Error("poison");
    const batch = batchOf(["a", poison, "b"]);
    await consume(batch, env, {});
    expect(batch.decisions).toEqual(["ack", 5, "ack"]);
    expect(handled).toEqual(["a", poison, "b"]);
    expect(failures).toEqual([["m1", poison]]);
  });

  it("handles a message that is in it several times once, and decides alike about each copy", async () => {
    const rest = rests.open();
    const { consume, handled } = consumer(rest);
    const bad = new Error("bad");
    const batch = batchOf(["a", "b", "a", bad, bad], { ids: ["1", "2", "1", "3", "3"] });
    await consume(batch, env, {});
    expect(batch.decisions).toEqual(["ack", "ack", "ack", 5, 5]);
    expect(handled).toEqual(["a", "b", bad]);
    expect(rest.session.counters.byScript).toMatchObject({ admit: 1, complete: 1 });
  });

  it("of nothing sends nothing", async () => {
    const rest = rests.open();
    await consumer(rest).consume(batchOf([]), env, {});
    expect(rest.session.counters.requests).toBe(0);
  });
});

describe("a message", () => {
  it("is known by the key of its body, whatever its id", async () => {
    const rest = rests.open();
    const { consume, handled } = consumer(rest, { key: String });
    const batches = [batchOf(["17"], { ids: ["1"] }), batchOf(["17"], { ids: ["2"] })];
    for (const batch of batches) await consume(batch, env, {});
    expect(batches.map(({ decisions }) => decisions)).toEqual([["ack"], ["ack"]]);
    expect(handled).toEqual(["17"]);
  });

  it("of another queue is another message", async () => {
    const rest = rests.open();
    const { consume, handled } = consumer(rest);
    await consume(batchOf(["order"], { queue: "orders" }), env, {});
    await consume(batchOf(["mail"], { queue: "mails" }), env, {});
    expect(handled).toEqual(["order", "mail"]);
  });

  it.each<[string, () => unknown]>([
    ["throws", () => JSON.parse("{")],
    ["is undefined", () => undefined],
    ["is empty", () => ""],
    ["is too long", () => "x".repeat(801)],
  ])("whose key %s fails alone, and is retried", async (_, badKey) => {
    const rest = rests.open();
    const key = (body: unknown): string => (body === "bad" ? badKey() : body) as string;
    const { consume, handled, failures } = consumer(rest, { key });
    const batch = batchOf(["a", "bad", "b"]);
    await consume(batch, env, {});
    expect(batch.decisions).toEqual(["ack", 5, "ack"]);
    expect(handled).toEqual(["a", "b"]);
    expect(failures.map(([id]) => id)).toEqual(["m1"]);
  });

  it("that failed runs again at its next delivery, and not after it has succeeded", async () => {
    const rest = rests.open();
    let runs = 0;
    const consume = consumeOnce(
      () => rest.locks(),
      { onError: () => undefined },
      () => {
        runs += 1;
        if (runs === 1) throw new Error("at first");
      },
    );
    for (const attempts of [1, 2, 3]) await consume(batchOf(["a"], { attempts }), env, {});
    expect(runs).toBe(2);
  });

  it("is retried later with each delivery, but never later than a queue accepts", async () => {
    const rest = rests.open();
    const delays: unknown[] = [];
    const { consume } = consumer(rest);
    for (const attempts of [1, 2, 3, 20]) {
      const batch = batchOf([new Error("poison")], { attempts });
      await consume(batch, env, {});
      delays.push(...batch.decisions);
    }
    expect(delays).toEqual([5, 10, 20, 900]);
    const patient = consumer(rest, { retry: { initialDelay: 90_000_000, maxDelay: 90_000_000 } });
    const batch = batchOf([new Error("poison")]);
    await patient.consume(batch, env, {});
    expect(batch.decisions).toEqual([43_200]);
  });

  it("that is being handled elsewhere is neither acknowledged nor handled, until its lock is over", async () => {
    const rest = rests.open();
    const { consume, handled, failures } = consumer(rest, { ttl: 60_000 });
    const inner = batchOf(["a", "b"]);
    const outer = consumeOnce(
      () => rest.locks(),
      { ttl: 60_000 },
      async () => consume(inner, env, {}),
    );
    await outer(batchOf(["a"]), env, {});
    // What the lock of the outer one has left: it began a moment ago.
    expect(inner.decisions[0]).toBeGreaterThan(50);
    expect(inner.decisions[0]).toBeLessThanOrEqual(60);
    expect([inner.decisions[1], handled, failures]).toEqual(["ack", ["b"], []]);
  });

  it("whose consumer died is retried until its lock is over, and then handled", async () => {
    const rest = rests.open();
    const { consume, handled } = consumer(rest);
    const ownerHash = "once:queue:orders:m0@dead/1.1.0";
    const record = { ownerHash, processHash: "dead/1.1", fence: 1, livenessMs: 20_000 };
    const lock = `${rest.prefix}lock:once:queue:orders:m0`;
    await rest.command("SET", lock, JSON.stringify(record), "PX", 20_000);
    const during = batchOf(["a"], { attempts: 2 });
    await consume(during, env, {});
    expect(during.decisions[0]).toBeGreaterThanOrEqual(15);
    await rest.command("DEL", lock);
    const after = batchOf(["a"], { attempts: 3 });
    await consume(after, env, {});
    expect([after.decisions, handled]).toEqual([["ack"], ["a"]]);
  });

  it("whose lock was lost meanwhile is retried: another may have handled it", async () => {
    const rest = rests.open();
    const failures: unknown[] = [];
    const consume = consumeOnce(
      () => rest.locks(),
      { retry: { jitter: false }, onError: (error) => failures.push(error) },
      (message) => rest.command("DEL", `${rest.prefix}lock:once:queue:orders:${message.id}`),
    );
    const batch = batchOf(["a"]);
    await consume(batch, env, {});
    expect([batch.decisions, failures]).toMatchObject([[5], [{ code: "LOCK_LOST" }]]);
  });

  it("is remembered without what its handler returned", async () => {
    const rest = rests.open();
    const consume = consumeOnce(
      () => rest.locks(),
      { remember: 3_600_000 },
      () => "x".repeat(1_000),
    );
    await consume(batchOf(["a"]), env, {});
    const key = `${rest.prefix}done:queue:orders:m0`;
    expect(String(await rest.command("GET", key)).length).toBeLessThan(300);
    const leftMs = Number(await rest.command("PTTL", key));
    expect([leftMs > 3_500_000, leftMs <= 3_600_000]).toEqual([true, true]);
  });

  it("gives its handler env, context and lock", async () => {
    const rest = rests.open();
    const seen: unknown[] = [];
    const consume = consumeOnce(
      (given: { readonly NAME: string }, ctx) => {
        seen.push(given.NAME, ctx);
        return rest.locks();
      },
      { trace: "consumer" },
      ({ body, attempts }, given, ctx, lock: Lock) => {
        seen.push(body, attempts, given.NAME, ctx, lock.key, lock.trace);
      },
    );
    const ctx = { waitUntil: (promise: Promise<unknown>) => void rest.pledges.push(promise) };
    await consume(batchOf(["a"], { attempts: 4 }), { NAME: "x" }, ctx);
    const key = "once:queue:orders:m0";
    expect(seen).toEqual(["x", ctx, "a", 4, "x", ctx, key, "consumer"]);
    expect(rest.pledges, "its lock is given to waitUntil").toHaveLength(1);
  });
});

describe("without an answer of Redis", () => {
  it("no handler runs, and every message is retried, later each time", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "error-json", script: "admit" });
    const { consume, handled, failures } = consumer(rest);
    const batch = batchOf(["a", "b"], { attempts: 3 });
    await consume(batch, env, {});
    expect([batch.decisions, handled]).toEqual([[20, 20], []]);
    expect(failures).toMatchObject([
      ["m0", { code: "LOCK_ACQUISITION", reason: "error" }],
      ["m1", { code: "LOCK_ACQUISITION", reason: "error" }],
    ]);
  });

  it("to the completions, what ran within its lock is acknowledged", async () => {
    const rest = rests.open();
    rest.session.faults.add({ kind: "error-json", script: "complete" });
    const { consume, handled, failures } = consumer(rest);
    const batch = batchOf(["a"]);
    await consume(batch, env, {});
    expect([batch.decisions, handled, failures]).toEqual([["ack"], ["a"], []]);
  });
});

describe("a failure", () => {
  it("is told on the console, with the message's id, where nobody else is told", async () => {
    const rest = rests.open();
    const told: unknown[][] = [];
    const { error } = console;
    console.error = (...words: unknown[]) => void told.push(words);
    try {
      const { consume } = consumer(rest, { onError: undefined });
      await consume(batchOf([new Error("poison")]), env, {});
    } finally {
      console.error = error;
    }
    expect(told).toEqual([["leasehold: delivery 1 of message m0 failed", new Error("poison")]]);
  });

  it("that cannot be told fails the invocation after every message was decided about", async () => {
    const rest = rests.open();
    const onError = (): never => {
      throw new Error("no log");
    };
    const { consume } = consumer(rest, { onError });
    const batch = batchOf([new Error("poison"), "a"]);
    await expect(consume(batch, env, {})).rejects.toThrow("no log");
    expect(batch.decisions).toEqual([5, "ack"]);
  });
});

describe("what cannot work is refused", () => {
  const database = new MemoryDatabase();
  const handler = (): void => undefined;

  it.each<[string, () => unknown]>([
    ["locks", () => consumeOnce("redis" as never, {}, handler)],
    ["handler", () => consumeOnce(database, {}, "handler" as never)],
    ["options", () => consumeOnce(database, null as never, handler)],
    ["kay", () => consumeOnce(database, { kay: String } as never, handler)],
    ["key", () => consumeOnce(database, { key: "id" } as never, handler)],
    ["remember", () => consumeOnce(database, { remember: 0 }, handler)],
    ["ttl", () => consumeOnce(database, { ttl: 1 }, handler)],
    ["onError", () => consumeOnce(database, { onError: 1 } as never, handler)],
    ["retry", () => consumeOnce(database, { retry: 5 } as never, handler)],
    ["retry.initialDelay", () => consumeOnce(database, { retry: { initialDelay: -1 } }, handler)],
    [
      "retry.maxRetries",
      () => consumeOnce(database, { retry: { maxRetries: 3 } } as never, handler),
    ],
  ])("when it is made: %s", (option, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "LOCK_CONFIGURATION", option }));
  });

  it("with its first batch: a database that remembers nothing", async () => {
    const consume = consumeOnce(new MinimalDatabase(), {}, handler);
    const batch = batchOf(["a"]);
    await expect(consume(batch, env, {})).rejects.toMatchObject({ code: "LOCK_CONFIGURATION" });
    expect(batch.decisions, "the queue delivers it again").toEqual([undefined]);
  });

  it("but not a service, nor the options of one", async () => {
    for (const locks of [new LockService({ database }), { database, keyPrefix: "other:" }]) {
      const batch = batchOf(["a"]);
      await consumeOnce(locks, {}, handler)(batch, env, {});
      expect(batch.decisions).toEqual(["ack"]);
    }
  });
});
