import { NestFactory } from "@nestjs/core";
import { LockExceptionFilter } from "leasehold/nestjs";
import { AppModule } from "./app.module.js";

const app = await NestFactory.create(AppModule);
app.useGlobalFilters(new LockExceptionFilter());
await app.listen(process.env.PORT ?? 3000, "127.0.0.1");
console.log(`Listening at ${await app.getUrl()}`);
