import { Module } from "@nestjs/common";
import { LocksModule } from "leasehold/nestjs";
import { upstash } from "leasehold/upstash";
import { OrdersController } from "./orders.controller";
import { OrdersService } from "./orders.service";

@Module({
  imports: [LocksModule.forRoot({ isGlobal: true, database: upstash() })],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class AppModule {}
