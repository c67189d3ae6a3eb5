import { ConflictException } from "@nestjs/common";
import { afterEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import type { ILock, ILockService } from "../../src/nestjs/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { useRest } from "../support/rest.ts";

// The code of the lock service's document, sections "Basic Operations" and "Lock Entity". Only the
// surroundings are ours: the method bodies are the document's.

const rests = useRest();
afterEach(() => {
  vi.restoreAllMocks();
});

class Inventory {
  readonly done: string[] = [];
  private readonly lockService: ILockService;

  constructor(lockService: ILockService) {
    this.lockService = lockService;
  }

  async acquire(): Promise<void> {
    const lock = await this.lockService.acquire("inventory:sku-123", {
      ttl: 10000,
      retry: { maxRetries: 3 },
    });

    try {
      // Critical section
      await this.updateInventory();
    } finally {
      await lock.release();
    }
  }

  async tryAcquire(): Promise<void> {
    const lock = await this.lockService.tryAcquire("resource:123");

    if (lock) {
      try {
        // Got lock
        await this.doWork();
      } finally {
        await lock.release();
      }
    } else {
      // Lock not available
      throw new ConflictException("Resource busy");
    }
  }

  async withLock(): Promise<string> {
    const result = await this.lockService.withLock(
      "payment:order-123",
      async () => {
        // Lock acquired
        const payment = await this.processPayment();
        return payment;
        // Lock auto-released
      },
      { ttl: 30000 },
    );
    return result;
  }

  async checkIfLocked(): Promise<void> {
    const busy = await this.lockService.isLocked("order:123");

    if (busy) {
      console.log("Order is currently being processed");
    }
  }

  async forceRelease(): Promise<void> {
    // Emergency: remove a stuck lock regardless of ownership
    // Use with extreme caution — can break critical sections
    const removed = await this.lockService.forceRelease("stuck:lock");

    if (removed) {
      console.log("Lock was force-released");
    }
  }

  async extend(work: (lock: ILock) => Promise<void>): Promise<void> {
    const lock = await this.lockService.acquire("long:task");

    await work(lock);

    // Need more time
    await lock.extend(30000); // Add 30 more seconds
  }

  async checkStatus(lock: ILock): Promise<void> {
    if (!(await lock.isHeld())) {
      console.warn("Lock lost during operation!");
    }
  }

  private async updateInventory(): Promise<void> {
    await this.note("inventory:sku-123");
  }

  private async doWork(): Promise<void> {
    await this.note("resource:123");
  }

  private async processPayment(): Promise<string> {
    await this.note("payment:order-123");
    return "paid";
  }

  private async note(key: string): Promise<void> {
    this.done.push((await this.lockService.isLocked(key)) ? key : `${key}, unlocked`);
  }
}

function listen(method: "log" | "warn"): string[] {
  const said: string[] = [];
  vi.spyOn(console, method).mockImplementation((text: unknown) => void said.push(String(text)));
  return said;
}

describe("the lock service's document", () => {
  it("acquire: the critical section runs under the lock, which is released after it", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    await inventory.acquire();
    expect(inventory.done).toEqual(["inventory:sku-123"]);
    expect(await rest.locks().isLocked("inventory:sku-123")).toBe(false);
  });

  it("acquire: a held lock is waited for", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    const other = await rest.locks().acquire("inventory:sku-123");
    const acquired = inventory.acquire();
    await other.release();
    await acquired;
    expect(inventory.done).toEqual(["inventory:sku-123"]);
  });

  it("tryAcquire: gets a free lock, and does not wait for a held one", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    await inventory.tryAcquire();
    const other = await rest.locks().acquire("resource:123");
    const { requests } = rest.session.counters;
    await expect(inventory.tryAcquire()).rejects.toThrow(ConflictException);
    expect(rest.session.counters.requests).toBe(requests + 1);
    await other.release();
    expect(inventory.done).toEqual(["resource:123"]);
  });

  it("withLock: returns the result, and releases the lock by itself", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    expect(await inventory.withLock()).toBe("paid");
    expect(inventory.done).toEqual(["payment:order-123"]);
    expect(await rest.locks().isLocked("payment:order-123")).toBe(false);
  });

  it("isLocked: tells a held lock from a free one", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    const said = listen("log");
    await inventory.checkIfLocked();
    expect(said).toEqual([]);
    const other = await rest.locks().acquire("order:123");
    await inventory.checkIfLocked();
    expect(said).toEqual(["Order is currently being processed"]);
    await other.release();
  });

  it("forceRelease: removes a stuck lock regardless of its owner", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    const said = listen("log");
    await inventory.forceRelease();
    expect(said).toEqual([]);
    await new StoredLock(rest, "stuck:lock").steal();
    await inventory.forceRelease();
    expect(said).toEqual(["Lock was force-released"]);
    expect(await rest.locks().isLocked("stuck:lock")).toBe(false);
  });

  it("extend: the lock lasts at least that much longer", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks({ defaultTtl: 10_000 }));
    let lock: ILock | undefined;
    await inventory.extend(async (acquired) => {
      lock = acquired;
    });
    expect(await new StoredLock(rest, "long:task").pttl()).toBeGreaterThan(20_000);
    expect(lock?.ttl).toBe(30_000);
    await lock?.release();
  });

  it("isHeld: notices a lock lost during the operation", async () => {
    const rest = rests.open();
    const inventory = new Inventory(rest.locks());
    const said = listen("warn");
    const lock = await rest.locks().acquire("long:task");
    await inventory.checkStatus(lock);
    expect(said).toEqual([]);
    await new StoredLock(rest, "long:task").steal();
    await inventory.checkStatus(lock);
    expect(said).toEqual(["Lock lost during operation!"]);
    await lock[Symbol.asyncDispose]();
    await new StoredLock(rest, "long:task").vanish();
  });

  it("a lock has every member of the document's ILock", async () => {
    interface DocumentedLock {
      readonly key: string;
      readonly token: string;
      readonly ttl: number;
      readonly acquiredAt: Date;
      readonly expiresAt: Date;
      readonly isAutoRenewing: boolean;

      // Methods
      release(): Promise<void>;
      extend(ttl: number): Promise<void>;
      isHeld(): Promise<boolean>;
      stopAutoRenew(): void;
    }
    expectTypeOf<ILock>().toExtend<DocumentedLock>();
    const before = Date.now();
    const lock: DocumentedLock = await rests.open().locks().acquire("a", { ttl: 20_000 });
    expect(lock).toMatchObject({ key: "a", ttl: 20_000, isAutoRenewing: true });
    expect(lock.token).toMatch(/^a@/);
    expect(lock.acquiredAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(lock.expiresAt.getTime()).toBeGreaterThan(lock.acquiredAt.getTime());
    lock.stopAutoRenew();
    expect(lock.isAutoRenewing).toBe(false);
    await lock.release();
    expect(await lock.isHeld()).toBe(false);
  });
});
