import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ILock, ILockService } from "../../src/nestjs/index.ts";
import { useRest } from "../support/rest.ts";

// The code of the lock service's document, section "Advanced Patterns". Only the surroundings are
// ours: the method bodies are the document's.

const rests = useRest();

class Patterns {
  isHighPriority = false;
  readonly processed: string[] = [];
  readonly stock = new Map([
    ["a", 100],
    ["b", 100],
  ]);
  /** Transfers that changed the stock at the same time. */
  overlaps = 0;
  #changing = 0;
  private readonly lockService: ILockService;

  constructor(lockService: ILockService) {
    this.lockService = lockService;
  }

  async processIfNotLocked(orderId: string): Promise<boolean> {
    const lock = await this.lockService.tryAcquire(`order:${orderId}`);

    if (!lock) {
      return false; // Already being processed
    }

    try {
      await this.process(orderId);
      return true;
    } finally {
      await lock.release();
    }
  }

  async transferInventory(fromSku: string, toSku: string, qty: number) {
    // Lock both resources in consistent order to avoid deadlock
    // oxlint-disable-next-line unicorn/no-array-sort
    const keys = [fromSku, toSku].sort();

    const lock1 = await this.lockService.acquire(`inventory:${keys[0]}`);
    try {
      const lock2 = await this.lockService.acquire(`inventory:${keys[1]}`);
      try {
        await this.decrement(fromSku, qty);
        await this.increment(toSku, qty);
      } finally {
        await lock2.release();
      }
    } finally {
      await lock1.release();
    }
  }

  /** The same in one request: all keys or none, so there is no order to keep. */
  async transferInOneRequest(fromSku: string, toSku: string, qty: number): Promise<void> {
    const keys = [`inventory:${fromSku}`, `inventory:${toSku}`];
    const work = async (): Promise<void> => {
      await this.decrement(fromSku, qty);
      await this.increment(toSku, qty);
    };
    await this.lockService.withLock(keys, work, LONG_WAIT);
  }

  async criticalOperation(id: string) {
    let lock: ILock | null = null;

    try {
      lock = await this.lockService.acquire(`critical:${id}`, {
        ttl: 10000,
        retry: { maxRetries: 2 },
      });
    } catch (error) {
      // Couldn't get lock - decide how to handle
      if (this.isHighPriority) {
        throw error; // Fail
      } else {
        return this.queueForLater(id); // Defer
      }
    }

    try {
      return await this.execute(id);
    } finally {
      if (lock) {
        await lock.release();
      }
    }
  }

  private async process(orderId: string): Promise<void> {
    await sleep(20);
    this.processed.push(orderId);
  }

  private async decrement(sku: string, qty: number): Promise<void> {
    await this.change(sku, -qty);
  }

  private async increment(sku: string, qty: number): Promise<void> {
    await this.change(sku, qty);
  }

  /** Reads, waits, writes: loses updates unless it runs alone. */
  private async change(sku: string, by: number): Promise<void> {
    const before = this.stock.get(sku) ?? 0;
    this.#changing += 1;
    if (this.#changing > 1) this.overlaps += 1;
    await sleep(2);
    this.#changing -= 1;
    this.stock.set(sku, before + by);
  }

  private async queueForLater(id: string): Promise<string> {
    return `${id} queued`;
  }

  private async execute(id: string): Promise<string> {
    return `${id} executed`;
  }
}

const LONG_WAIT = { waitTimeout: 20_000, retry: { initialDelay: 10, maxDelay: 50 } };

describe("the lock service's patterns", () => {
  it("conditional locking: an order that is being processed is skipped", async () => {
    const rest = rests.open();
    const patterns = new Patterns(rest.locks());
    const results = await Promise.all([1, 2, 3].map(() => patterns.processIfNotLocked("17")));
    expect(results.filter((isProcessed) => isProcessed)).toHaveLength(1);
    expect(patterns.processed).toEqual(["17"]);
    expect(await patterns.processIfNotLocked("17")).toBe(true);
  });

  it.each(["transferInventory", "transferInOneRequest"] as const)(
    "multi-resource locking: opposite transfers by %s lose nothing and never deadlock",
    async (transfer) => {
      const rest = rests.open();
      const locks = rest.locks({
        retry: { maxRetries: 500, initialDelay: 10, maxDelay: 50 },
      });
      const patterns = new Patterns(locks);
      await Promise.all([
        patterns[transfer]("a", "b", 1),
        patterns[transfer]("b", "a", 10),
        patterns[transfer]("a", "b", 5),
      ]);
      expect(Object.fromEntries(patterns.stock)).toEqual({ a: 104, b: 96 });
      expect(patterns.overlaps).toBe(0);
    },
  );

  it("multi-resource locking: both keys cost one request to acquire and one to release", async () => {
    const rest = rests.open();
    const patterns = new Patterns(rest.locks());
    await patterns.transferInventory("a", "b", 1);
    expect(rest.session.counters.byScript).toMatchObject({ acquire: 2, release: 2 });
    await patterns.transferInOneRequest("a", "b", 1);
    expect(rest.session.counters.byScript).toMatchObject({ acquire: 3, release: 3 });
  });

  it("graceful degradation: executes, defers when it is busy, fails when it must not", async () => {
    const rest = rests.open();
    const patterns = new Patterns(rest.locks());
    expect(await patterns.criticalOperation("17")).toBe("17 executed");
    const other = await rest.locks().acquire("critical:17");
    expect(await patterns.criticalOperation("17")).toBe("17 queued");
    patterns.isHighPriority = true;
    await expect(patterns.criticalOperation("17")).rejects.toMatchObject({
      name: "LockAcquisitionError",
      reason: "timeout",
    });
    await other.release();
    expect(await patterns.criticalOperation("17")).toBe("17 executed");
  });
});
