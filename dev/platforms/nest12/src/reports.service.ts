import { Injectable } from "@nestjs/common";
import { Cron } from "@nestjs/schedule";
import type { Lock } from "leasehold";
import { ScheduledOnce } from "leasehold/nestjs";

@Injectable()
export class ReportsService {
  /** Each second in one instance of the application. */
  @Cron("* * * * * *")
  @ScheduledOnce({ name: "report", period: 1_000 })
  async report(lock: Lock): Promise<void> {
    console.log(`reports under ${lock.key}`);
  }
}
