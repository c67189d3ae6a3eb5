import { Module } from "@nestjs/common";
import { ScheduleModule } from "@nestjs/schedule";
import { LocksModule } from "leasehold/nestjs";
import { upstash } from "leasehold/upstash";
import { OrdersController } from "./orders.controller.js";
import { OrdersService } from "./orders.service.js";
import { ReportsService } from "./reports.service.js";

@Module({
  imports: [
    LocksModule.forRoot({ isGlobal: true, database: upstash() }),
    ScheduleModule.forRoot({ cronJobs: process.env.CRONS === "on" }),
  ],
  controllers: [OrdersController],
  providers: [OrdersService, ReportsService],
})
export class AppModule {}
