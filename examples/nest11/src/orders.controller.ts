import { Controller, HttpCode, Param, Post } from "@nestjs/common";
import { OrdersService } from "./orders.service";

@Controller("orders")
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post(":id/pay")
  @HttpCode(200)
  pay(@Param("id") id: string): Promise<string> {
    return this.orders.pay(id);
  }

  @Post(":id/ship")
  @HttpCode(200)
  ship(@Param("id") id: string): Promise<string> {
    return this.orders.ship(id);
  }
}
