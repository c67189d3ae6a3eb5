import { Inject, Injectable } from "@nestjs/common";
import { LOCK_SERVICE, WithLock, type ILockService } from "leasehold/nestjs";

@Injectable()
export class OrdersService {
  constructor(@Inject(LOCK_SERVICE) private readonly locks: ILockService) {}

  @WithLock({ key: "pay:{0}", ttl: 10_000, retry: { maxRetries: 0 } })
  async pay(orderId: string): Promise<string> {
    return `paid ${orderId}`;
  }

  ship(orderId: string): Promise<string> {
    const ship = async () => `shipped ${orderId}`;
    return this.locks.withLock(`ship:${orderId}`, ship, { waitTimeout: 10_000 });
  }
}
