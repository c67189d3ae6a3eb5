import { describe, expect, it } from "vitest";
import { LockAcquisitionError, type LockService } from "../../src/index.ts";
import { WithLock } from "../../src/locked-by.ts";
import { useRest, type Rest } from "../support/rest.ts";

const rests = useRest();

const ONCE = { maxRetries: 0 };

class Busy extends Error {}

/** One method for each way to handle a refusal. */
class Shop {
  readonly locks: LockService;
  runs = 0;
  readonly asked: [string, string][] = [];

  constructor(rest: Rest) {
    this.locks = rest.locks();
  }

  @WithLock({ key: "order:{0}", retry: ONCE })
  async byDefault(_order: string): Promise<string> {
    return this.#run();
  }

  @WithLock({ key: "order:{0}", retry: ONCE, onLockFailed: "throw" })
  async throwing(_order: string): Promise<string> {
    return this.#run();
  }

  @WithLock({ key: "order:{0}", retry: ONCE, onLockFailed: "skip" })
  async skipping(_order: string): Promise<string | undefined> {
    return this.#run();
  }

  @WithLock({ key: "order:{0}", waitTimeout: 150, onLockFailed: "skip" })
  async waiting(_order: string): Promise<string | undefined> {
    return this.#run();
  }

  @WithLock({
    key: ["a", "b"].map((name) => `order:${name}`)[0] ?? "",
    retry: ONCE,
    onLockFailed: (key, error) => new Busy(`${key} is busy`, { cause: error }),
  })
  async translating(): Promise<string> {
    return this.#run();
  }

  /** The refusal of another lock, inside the method. */
  @WithLock({ key: "outer", retry: ONCE, onLockFailed: "skip" })
  async nested(order: string): Promise<string | undefined> {
    return this.throwing(order);
  }

  @WithLock({ key: "outer", retry: ONCE, onLockFailed: () => new Busy("outer") })
  async nestedTranslating(order: string): Promise<string> {
    return this.throwing(order);
  }

  async #run(): Promise<string> {
    this.runs += 1;
    return "done";
  }
}

const CALLS = {
  byDefault: (shop: Shop) => shop.byDefault("a"),
  throwing: (shop: Shop) => shop.throwing("a"),
  skipping: (shop: Shop) => shop.skipping("a"),
  waiting: (shop: Shop) => shop.waiting("a"),
  translating: (shop: Shop) => shop.translating(),
};

describe("when another holds the lock", () => {
  it.each(["byDefault", "throwing"] as const)("%s rejects with the refusal", async (call) => {
    const rest = rests.open();
    const shop = new Shop(rest);
    const other = await rest.locks().acquire("order:a");
    await expect(CALLS[call](shop)).rejects.toThrow(LockAcquisitionError);
    await expect(CALLS[call](shop)).rejects.toMatchObject({ reason: "held", lockKey: "order:a" });
    await other.release();
    expect(shop.runs).toBe(0);
    expect(await CALLS[call](shop)).toBe("done");
  });

  it.each(["skipping", "waiting"] as const)(
    "%s resolves with undefined, without running",
    async (call) => {
      const rest = rests.open();
      const shop = new Shop(rest);
      const other = await rest.locks().acquire("order:a");
      expect(await CALLS[call](shop)).toBeUndefined();
      await other.release();
      expect(shop.runs).toBe(0);
      expect(await CALLS[call](shop)).toBe("done");
    },
  );

  it("a function creates the error, from the key and the refusal", async () => {
    const rest = rests.open();
    const shop = new Shop(rest);
    const other = await rest.locks().acquire("order:a");
    const error: unknown = await shop.translating().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Busy);
    expect(error).toMatchObject({ message: "order:a is busy", cause: { reason: "held" } });
    await other.release();
    expect(shop.runs).toBe(0);
  });

  it("waitTimeout waits for it, even if the service itself does not retry", async () => {
    const rest = rests.open();
    const other = await rest.locks().acquire("a");
    class Waiting {
      readonly locks = rest.locks({ retry: { maxRetries: 0 } });
      @WithLock({ key: "a", waitTimeout: 20_000, retry: { maxDelay: 20 }, onLockFailed: "skip" })
      async pay(): Promise<string | undefined> {
        return "done";
      }
    }
    const shop = new Waiting();
    const refused = new Promise<void>((resolve) => {
      shop.locks.events.subscribe(({ type }) => type === "busy" && resolve());
    });
    const paid = shop.pay();
    await refused;
    await other.release();
    expect(await paid).toBe("done");
  });
});

describe("onLockFailed handles only the refusal of this very acquisition", () => {
  it.each(["nested", "nestedTranslating"] as const)(
    "a refusal inside the method passes through %s unchanged",
    async (call) => {
      const rest = rests.open();
      const shop = new Shop(rest);
      const other = await rest.locks().acquire("order:a");
      const error: unknown = await shop[call]("a").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockAcquisitionError);
      expect(error).toMatchObject({ reason: "held", lockKey: "order:a" });
      await other.release();
    },
  );

  it.each(Object.entries(CALLS))(
    "a database without an answer is an error for %s, not a refusal",
    async (_, call) => {
      const rest = rests.open();
      const shop = new Shop(rest);
      rest.session.faults.add({ kind: "drop-request", script: "acquire" });
      const error: unknown = await call(shop).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockAcquisitionError);
      expect(error).toMatchObject({ reason: "error" });
      expect(shop.runs).toBe(0);
    },
  );

  it("an aborted wait is never skipped", async () => {
    const rest = rests.open();
    class Aborted {
      readonly locks = rest.locks({ signal: AbortSignal.abort() });
      runs = 0;
      @WithLock({ key: "a", onLockFailed: "skip" })
      async pay(): Promise<undefined> {
        this.runs += 1;
      }
    }
    const shop = new Aborted();
    await expect(shop.pay()).rejects.toMatchObject({ reason: "aborted" });
    expect(shop.runs).toBe(0);
  });
});
