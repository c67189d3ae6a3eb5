import { expectTypeOf, it } from "vitest";
import type { LockService } from "../../src/index.ts";
import { WithLock, lockedBy, type LockSource } from "../../src/locked-by.ts";

interface Order {
  readonly id: string;
}

/** Compiled, not called: the marked methods must not compile. */
class Shop {
  declare readonly locks: LockService;
  declare private readonly hidden: LockService;

  @WithLock({ key: (order: Order) => order.id })
  async onePart(_order: Order, _amount: number): Promise<void> {}

  @WithLock({ key: (...ids: string[]) => ids })
  async rest(..._ids: string[]): Promise<void> {}

  @WithLock({ key: "{0}", service: (self: Shop) => self.hidden })
  async hiddenService(_id: string): Promise<number> {
    return 1;
  }

  @WithLock({ key: "a", onLockFailed: "skip" })
  async skippedVoid(): Promise<void> {}

  @WithLock({ key: "a", onLockFailed: "skip" })
  async skipped(): Promise<number | undefined> {
    return 1;
  }

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
  @WithLock({ key: (order: Order) => order.id })
  async otherArgument(_id: string): Promise<void> {}

  // @ts-expect-error the argument may be missing
  @WithLock({ key: (order: Order) => order.id })
  async optionalArgument(_order?: Order): Promise<void> {}

  // @ts-expect-error it is not an instance of Date
  @WithLock({ key: "a", service: (_self: Date) => lockSource })
  async otherSelf(): Promise<void> {}

  // @ts-expect-error nothing but a lock service
  @WithLock({ key: "a", service: (_self: Shop) => "locks" })
  async otherService(): Promise<void> {}

  @WithLock({ key: "a", onLockFailed: (key, error) => new Error(key, { cause: error.reason }) })
  async translated(): Promise<number> {
    return 1;
  }
}

declare const lockSource: LockSource;

it("a locked method keeps its type", () => {
  expectTypeOf<Shop["onePart"]>().toEqualTypeOf<(order: Order, amount: number) => Promise<void>>();
  expectTypeOf<ReturnType<Shop["hiddenService"]>>().toEqualTypeOf<Promise<number>>();
});

it("a locked function's type has its arguments, its result, and whether it may be skipped", () => {
  const define = () => ({
    plain: lockedBy(lockSource, { key: "{0}" }, (id: string, by?: number) => id.length + (by ?? 0)),
    skip: lockedBy(lockSource, { key: "a", onLockFailed: "skip" }, async () => "done"),
    fail: lockedBy(lockSource, { key: "a", onLockFailed: () => new Error("busy") }, () => 1),
    // The function determines the types of the key's arguments.
    typed: lockedBy(lockSource, { key: (order) => order.id }, async (order: Order) => order),
  });
  type Defined = ReturnType<typeof define>;
  expectTypeOf<Parameters<Defined["plain"]>>().toEqualTypeOf<
    [id: string, by?: number | undefined]
  >();
  expectTypeOf<ReturnType<Defined["plain"]>>().toEqualTypeOf<Promise<number>>();
  expectTypeOf<ReturnType<Defined["skip"]>>().toEqualTypeOf<Promise<string | undefined>>();
  expectTypeOf<ReturnType<Defined["fail"]>>().toEqualTypeOf<Promise<number>>();
  expectTypeOf<Parameters<Defined["typed"]>>().toEqualTypeOf<[order: Order]>();
});
