import {
  Module,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
} from "@nestjs/common";
import { checkOptions, type OptionNames } from "../check.ts";
import { SERVICE_OPTIONS, type LockServiceOptions } from "../lock-options.ts";
import { LockService } from "../lock-service.ts";
import { isLockService, toLockService } from "../lock-source.ts";
import { ApplicationLocks } from "./application-locks.ts";
import { LOCK_SERVICE } from "./injection.ts";

/** Options of `LocksModule.forRoot`: those of the lock service. */
export interface LocksModuleOptions extends LockServiceOptions {
  /** Whether every module can inject the service without importing `LocksModule`. @default false */
  readonly isGlobal?: boolean;
}

/** Options of `LocksModule.forRootAsync`. */
export interface LocksModuleAsyncOptions extends Pick<ModuleMetadata, "imports"> {
  /** What `useFactory` is called with, in this order. */
  readonly inject?: FactoryProvider["inject"];
  /** Creates the lock service, or its options. */
  readonly useFactory: FactoryProvider<LockService | LockServiceOptions>["useFactory"];
  /** Whether every module can inject the service without importing `LocksModule`. @default false */
  readonly isGlobal?: boolean;
}

const MODULE_OPTIONS: OptionNames<LocksModuleOptions> = { ...SERVICE_OPTIONS, isGlobal: true };

const ASYNC_OPTIONS: OptionNames<LocksModuleAsyncOptions> = {
  imports: true,
  inject: true,
  useFactory: true,
  isGlobal: true,
};

/**
 * Provides a lock service at `LOCK_SERVICE`. Locks still held when the application is closed are
 * released then.
 *
 * @example
 * const locks = LocksModule.forRoot({ database: upstash(), isGlobal: true });
 */
// A class, as Nest's modules are.
// oxlint-disable-next-line typescript/no-extraneous-class
export class LocksModule {
  /** @throws LockConfigurationError naming the option and its value */
  static forRoot(source: LocksModuleOptions | LockService): DynamicModule {
    // A factory, as each application that imports this module is closed on its own.
    if (isLockService(source)) return moduleOf({ useFactory: () => source });
    checkOptions("LocksModule.forRoot", source, MODULE_OPTIONS);
    const { isGlobal = false, ...options } = source;
    const service = new LockService(options);
    return moduleOf({ useFactory: () => service, isGlobal });
  }

  /**
   * The same, with options from other providers.
   *
   * @throws LockConfigurationError naming an unknown option
   */
  static forRootAsync(options: LocksModuleAsyncOptions): DynamicModule {
    checkOptions("LocksModule.forRootAsync", options, ASYNC_OPTIONS);
    return moduleOf(options);
  }
}

// Called as a function: the published code must load without decorator syntax.
Module({})(LocksModule);

function moduleOf(options: LocksModuleAsyncOptions): DynamicModule {
  const { imports = [], inject = [], useFactory, isGlobal = false } = options;
  const provider: FactoryProvider<ApplicationLocks> = {
    provide: LOCK_SERVICE,
    inject,
    useFactory: async (...dependencies: readonly unknown[]) =>
      new ApplicationLocks(toLockService(await useFactory(...dependencies))),
  };
  return {
    module: LocksModule,
    global: isGlobal,
    imports,
    providers: [provider],
    exports: [LOCK_SERVICE],
  };
}
