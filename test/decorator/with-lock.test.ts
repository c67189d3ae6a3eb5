import { describe, expect, it } from "vitest";
import { LockLostError, type LockService } from "../../src/index.ts";
import { WithLock } from "../../src/locked-by.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

const rests = useRest();

/** Work that counts how many run it at the same time. */
class Gate {
  inside = 0;
  most = 0;
  async pass(): Promise<void> {
    this.inside += 1;
    this.most = Math.max(this.most, this.inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.inside -= 1;
  }
}

describe("@WithLock", () => {
  it("admits one contender at a time per key, across instances", async () => {
    const rest = rests.open();
    const gate = new Gate();
    class Shop {
      readonly locks = rest.locks();
      @WithLock({ key: "order:{0}", waitTimeout: 20_000, retry: { maxDelay: 50 } })
      async pay(order: string): Promise<string> {
        await gate.pass();
        return `paid ${order}`;
      }
    }
    const shops = [new Shop(), new Shop(), new Shop()];
    const paid = await Promise.all(shops.map((shop) => shop.pay("17")));
    expect(paid).toEqual(["paid 17", "paid 17", "paid 17"]);
    expect(gate.most).toBe(1);
  });

  it("does not serialize different keys", async () => {
    const rest = rests.open();
    class Shop {
      readonly locks = rest.locks({ retry: { maxRetries: 0 } });
      @WithLock({ key: (depth: number) => `level:${depth}` })
      async dive(depth: number): Promise<number> {
        return depth === 0 ? 0 : (await this.dive(depth - 1)) + 1;
      }
    }
    expect(await new Shop().dive(2)).toBe(2);
  });

  it("holds the lock with the requested ttl while the method runs, and releases it", async () => {
    const rest = rests.open();
    const stored = new StoredLock(rest, "a");
    class Shop {
      readonly locks = rest.locks();
      @WithLock({ key: "a", ttl: 5_000, autoRenew: false })
      async pay(): Promise<number> {
        return stored.pttl();
      }
    }
    const pttl = await new Shop().pay();
    expect(pttl).toBeGreaterThan(0);
    expect(pttl).toBeLessThanOrEqual(5_000);
    expect(await stored.record()).toBeNull();
  });

  it("renews the lock of a long method, unless autoRenew is false", async () => {
    const rest = rests.open();
    const renewals: number[] = [];
    class Shop {
      readonly locks = rest.locks();
      @WithLock({ key: "a", ttl: 1_000, autoRenew: { intervalFraction: 0.2 } })
      async long(): Promise<void> {
        await this.#work();
      }
      @WithLock({ key: "b", ttl: 1_000, autoRenew: false })
      async short(): Promise<void> {
        await this.#work();
      }
      async #work(): Promise<void> {
        await new Promise((resolve) => setTimeout(resolve, 500));
        renewals.push(rest.session.counters.byScript["renew"] ?? 0);
      }
    }
    const shop = new Shop();
    await shop.short();
    await shop.long();
    expect(renewals[0]).toBe(0);
    expect(renewals[1]).toBeGreaterThan(0);
  });

  it("acquires several keys from a key function with `this`", async () => {
    const rest = rests.open();
    class Stock {
      readonly locks = rest.locks();
      readonly warehouse = "north";
      @WithLock({
        key(this: Stock, from: string, to: string) {
          return [`${this.warehouse}:${from}`, `${this.warehouse}:${to}`];
        },
      })
      async move(from: string, to: string): Promise<boolean[]> {
        const keys = [from, to].map((sku) => `north:${sku}`);
        return Promise.all(keys.map((key) => this.locks.isLocked(key)));
      }
    }
    expect(await new Stock().move("a", "b")).toEqual([true, true]);
  });

  it("works on static and private methods, and keeps the name", async () => {
    const rest = rests.open();
    class Shop {
      static readonly locks = rest.locks();
      readonly locks = rest.locks();
      @WithLock({ key: "static" })
      static async close(): Promise<boolean> {
        return Shop.locks.isLocked("static");
      }
      @WithLock({ key: "private:{0}" })
      async #pay(order: number): Promise<boolean> {
        return this.locks.isLocked(`private:${order}`);
      }
      async pay(): Promise<boolean> {
        return this.#pay(1);
      }
    }
    expect(await Shop.close()).toBe(true);
    expect(await new Shop().pay()).toBe(true);
    expect(Object.getOwnPropertyDescriptor(Shop, "close")?.value).toHaveProperty("name", "close");
  });

  it("is inherited, and finds the service of the instance it is called on", async () => {
    const rest = rests.open();
    class Shop {
      readonly locks: LockService;
      constructor(locks: LockService) {
        this.locks = locks;
      }
      @WithLock({ key: "a" })
      async pay(): Promise<boolean> {
        return rest.locks({ keyPrefix: "eu:" }).isLocked("a");
      }
    }
    class EuropeanShop extends Shop {}
    expect(await new EuropeanShop(rest.locks({ keyPrefix: "eu:" })).pay()).toBe(true);
    expect(await new Shop(rest.locks({ keyPrefix: "us:" })).pay()).toBe(false);
  });

  it("gets the service from `service`, even from a private field", async () => {
    const rest = rests.open();
    class Shop {
      private readonly lockService = rest.locks();
      @WithLock({ key: "a", service: (self: Shop) => self.lockService })
      async pay(): Promise<boolean> {
        return this.lockService.isLocked("a");
      }
    }
    expect(await new Shop().pay()).toBe(true);
  });
});

describe("@WithLock and the end of the method", () => {
  it("the method's own error wins, and the lock is released", async () => {
    const rest = rests.open();
    class Shop {
      readonly locks = rest.locks();
      @WithLock({ key: "a" })
      async pay(): Promise<void> {
        throw new RangeError("declined");
      }
    }
    const shop = new Shop();
    await expect(shop.pay()).rejects.toThrow(RangeError);
    expect(await shop.locks.isLocked("a")).toBe(false);
  });

  it.each(["throw", "skip"] as const)(
    "a lock lost during the method rejects with LockLostError and the result, even with %s",
    async (onLockFailed) => {
      const rest = rests.open();
      const stored = new StoredLock(rest, "a");
      class Shop {
        readonly locks = rest.locks();
        @WithLock({ key: "a", onLockFailed })
        async pay(): Promise<string | undefined> {
          await stored.vanish();
          return "paid";
        }
      }
      const error: unknown = await new Shop().pay().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(LockLostError);
      expect(error).toMatchObject({ result: "paid" });
    },
  );
});
