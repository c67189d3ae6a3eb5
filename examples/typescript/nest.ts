import { Inject, Injectable, Module } from "@nestjs/common";
import { LockService } from "leasehold";
import { LOCK_SERVICE, LocksModule, WithLock, type ILockService } from "leasehold/nestjs";
import { MemoryDatabase } from "leasehold/testing";
import { upstash } from "leasehold/upstash";

@Injectable()
export class OrdersService {
  constructor(@Inject(LOCK_SERVICE) readonly locks: ILockService) {}

  @WithLock({ key: "ship:{0}", ttl: 10_000 })
  async ship(orderId: string): Promise<string> {
    return this.locks.withLock(`order:${orderId}`, () => orderId);
  }
}

@Module({
  imports: [LocksModule.forRoot({ database: upstash(), isGlobal: true })],
  providers: [OrdersService],
})
export class AppModule {}

export const orders = new OrdersService(new LockService({ database: new MemoryDatabase() }));
