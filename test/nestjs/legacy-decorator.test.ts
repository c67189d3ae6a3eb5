import { Inject, Injectable, SetMetadata } from "@nestjs/common";
import { describe, expect, it } from "vitest";
import {
  LOCK_SERVICE,
  LockAcquisitionError,
  LocksModule,
  WithLock,
  type ILockService,
} from "../../src/nestjs/index.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { openApplication } from "./application.ts";

const rests = useRest();

@Injectable()
class OrdersService {
  runs = 0;

  constructor(@Inject(LOCK_SERVICE) private readonly locks: ILockService) {}

  @WithLock({ key: "order:{0}", ttl: 10_000, retry: { maxRetries: 0 } })
  async pay(orderId: string): Promise<boolean> {
    this.runs += 1;
    return this.locks.isLocked(`order:${orderId}`);
  }

  @WithLock({ key: "order:{0.id}", retry: { maxRetries: 0 }, onLockFailed: "skip" })
  async payOnce(_order: { readonly id: string }): Promise<boolean | undefined> {
    this.runs += 1;
    return true;
  }

  @WithLock({
    key: (order: { readonly id: string }) => `order:${order.id}`,
    service: (self: OrdersService) => self.locks,
    retry: { maxRetries: 0 },
    onLockFailed: (key) => new RangeError(key),
  })
  async ship(_order: { readonly id: string }, _by: string): Promise<void> {
    this.runs += 1;
  }

  @WithLock({ key: "a" })
  @SetMetadata("role", "admin")
  async below(): Promise<void> {}

  @SetMetadata("role", "admin")
  @WithLock({ key: "a" })
  async above(): Promise<void> {}

  static readonly locks = undefined;

  @WithLock({ key: "a" })
  static async everywhere(): Promise<void> {}
}

/** Only compiled: the marked methods must not compile. */
abstract class Wrong {
  // @ts-expect-error a skipped call returns undefined, and the method must say so
  @WithLock({ key: "a", onLockFailed: "skip" })
  async skippedUnsaid(): Promise<number> {
    return 1;
  }

  // @ts-expect-error a locked method is asynchronous
  @WithLock({ key: "a" })
  synchronous(): number {
    return 1;
  }

  // @ts-expect-error the method has no such argument
  @WithLock({ key: (order: { readonly id: string }) => order.id })
  async otherArgument(_id: string): Promise<void> {}
}

async function withOrders(
  rest: Rest,
  use: (orders: OrdersService) => Promise<void>,
): Promise<void> {
  const imports = [LocksModule.forRoot(rest.locks())];
  const context = await openApplication({ imports, providers: [OrdersService] });
  await use(context.get(OrdersService));
  await context.close();
}

describe("@WithLock on a Nest service", () => {
  it("runs the method under the lock of the injected service", async () => {
    const rest = rests.open();
    await withOrders(rest, async (orders) => {
      expect(await orders.pay("17")).toBe(true);
      expect(await orders.payOnce({ id: "17" })).toBe(true);
      await orders.ship({ id: "17" }, "truck");
    });
    expect(rest.session.counters.byScript).toMatchObject({ acquire: 3, release: 3 });
  });

  it("throws, skips or translates as asked when another holds it", async () => {
    const rest = rests.open();
    await withOrders(rest, async (orders) => {
      const other = await rest.locks().acquire("order:17");
      await expect(orders.pay("17")).rejects.toThrow(LockAcquisitionError);
      expect(await orders.payOnce({ id: "17" })).toBeUndefined();
      await expect(orders.ship({ id: "17" }, "truck")).rejects.toThrow(RangeError);
      expect(orders.runs).toBe(0);
      await other.release();
    });
  });

  it("never runs a method unlocked", async () => {
    await expect(OrdersService.everywhere()).rejects.toMatchObject({ option: "service" });
    const orders = Object.create(OrdersService.prototype) as OrdersService;
    await expect(orders.pay("17")).rejects.toMatchObject({ option: "service" });
  });

  it.each(["below", "above"] as const)("keeps the metadata of decorators %s it", (name) => {
    const method: unknown = Reflect.get(OrdersService.prototype, name);
    expect(method).toHaveProperty("name", name);
    expect(Reflect.getMetadata("role", method as object)).toBe("admin");
  });

  it("rejects misuse with an explanation", () => {
    expect(() => Reflect.apply(WithLock({ key: "a" }), undefined, [Wrong, "a", {}])).toThrow(
      "decorates methods",
    );
  });
});
