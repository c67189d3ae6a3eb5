import {
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type ModuleMetadata,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";

/** A new, distinct module. */
export function moduleOf(metadata: ModuleMetadata): DynamicModule {
  @Module({})
  // Nest identifies a module by its class.
  // oxlint-disable-next-line typescript/no-extraneous-class
  class OfTest {}
  return { module: OfTest, ...metadata };
}

/** A real application, without a server; errors in modules are thrown, not logged. */
export async function openApplication(metadata: ModuleMetadata): Promise<INestApplicationContext> {
  return NestFactory.createApplicationContext(moduleOf(metadata), {
    logger: false,
    abortOnError: false,
  });
}
