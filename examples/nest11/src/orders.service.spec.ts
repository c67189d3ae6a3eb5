import { Test, type TestingModule } from "@nestjs/testing";
import {
  LockAcquisitionError,
  LOCK_SERVICE,
  LocksModule,
  type ILockService,
} from "leasehold/nestjs";
import { ManualRuntime, MemoryDatabase } from "leasehold/testing";
import { OrdersService } from "./orders.service";

describe("OrdersService", () => {
  const runtime = new ManualRuntime();
  let module: TestingModule;
  let orders: OrdersService;
  let locks: ILockService;

  beforeEach(async () => {
    const database = new MemoryDatabase({ runtime });
    module = await Test.createTestingModule({
      imports: [LocksModule.forRoot({ isGlobal: true, database, runtime })],
      providers: [OrdersService],
    }).compile();
    orders = module.get(OrdersService);
    locks = module.get(LOCK_SERVICE);
  });
  afterEach(() => module.close());

  it("refuses a second payment of the same order", async () => {
    const results = await Promise.allSettled([orders.pay("7"), orders.pay("7")]);
    expect(results).toEqual([
      { status: "fulfilled", value: "paid 7" },
      { status: "rejected", reason: expect.any(LockAcquisitionError) },
    ]);
  });

  it("pays an order once the lock of a dead process has expired", async () => {
    await locks.acquire("pay:7", { ttl: 5_000, autoRenew: false });
    await expect(orders.pay("7")).rejects.toThrow("held by another");
    await runtime.advance(5_000);
    await expect(orders.pay("7")).resolves.toBe("paid 7");
  });
});
