// The example of the lock service's documents: only the second import line is ours.
import { Injectable, Inject } from "@nestjs/common";
import { LOCK_SERVICE, type ILockService } from "../../src/nestjs/index.ts";

@Injectable()
export class InventoryService {
  readonly updates: string[] = [];

  constructor(@Inject(LOCK_SERVICE) private readonly lockService: ILockService) {}

  async update(sku: string): Promise<void> {
    const lock = await this.lockService.acquire(`inventory:${sku}`, {
      ttl: 10000,
      retry: { maxRetries: 3 },
    });

    try {
      // Critical section
      await this.updateInventory(sku);
    } finally {
      await lock.release();
    }
  }

  private async updateInventory(sku: string): Promise<void> {
    const busy = await this.lockService.isLocked(`inventory:${sku}`);
    this.updates.push(busy ? sku : `${sku}, unlocked`);
  }
}
