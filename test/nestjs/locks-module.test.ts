import { Inject, Injectable, type DynamicModule } from "@nestjs/common";
import { describe, expect, it } from "vitest";
import { LockConfigurationError, type LockServiceOptions } from "../../src/index.ts";
import {
  LOCK_SERVICE,
  LocksModule,
  type ILockService,
  type LocksModuleOptions,
} from "../../src/nestjs/index.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { moduleOf, openApplication } from "./application.ts";
import { InventoryService } from "./inventory-service.ts";

const rests = useRest();

/** An application with only the given modules and the example's service. */
async function withApplication(
  imports: DynamicModule[],
  use: (inventory: InventoryService, locks: ILockService) => Promise<void>,
): Promise<void> {
  const application = await openApplication({ imports, providers: [InventoryService] });
  try {
    await use(application.get(InventoryService), application.get<ILockService>(LOCK_SERVICE));
  } finally {
    await application.close();
  }
}

async function expectLocking(rest: Rest, inventory: InventoryService): Promise<void> {
  await inventory.update("sku-123");
  expect(inventory.updates).toEqual(["sku-123"]);
  expect(rest.session.counters.byScript).toMatchObject({ acquire: 1, release: 1 });
}

@Injectable()
class Configuration {
  rest: Rest | undefined;

  options(): LockServiceOptions {
    if (this.rest === undefined) throw new Error("no rest");
    return { database: this.rest.database(), keyPrefix: "shop:" };
  }
}

function configurationModule(rest: Rest): DynamicModule {
  const configuration = Object.assign(new Configuration(), { rest });
  return moduleOf({
    providers: [{ provide: Configuration, useValue: configuration }],
    exports: [Configuration],
  });
}

describe("LocksModule.forRoot", () => {
  it("injects a lock service created from its options", async () => {
    const rest = rests.open();
    const module = LocksModule.forRoot({ database: rest.database() });
    await withApplication([module], (inventory) => expectLocking(rest, inventory));
  });

  it("injects the lock service it is given", async () => {
    const rest = rests.open();
    const service = rest.locks({ keyPrefix: "shop:" });
    const types: string[] = [];
    service.events.subscribe(({ type }) => types.push(type));
    await withApplication([LocksModule.forRoot(service)], async (inventory, locks) => {
      await expectLocking(rest, inventory);
      expect(locks.events).toBe(service.events);
      const lock = await locks.acquire("a");
      expect(await service.isLocked("a")).toBe(true);
      await lock.release();
    });
    expect(types).toEqual(["acquired", "released", "acquired", "released"]);
  });

  it("throws at once, naming what is wrong", () => {
    const database = rests.open().database();
    expect(() => LocksModule.forRoot({ database, defaultTtl: 1 })).toThrow("defaultTtl");
    expect(() => LocksModule.forRoot({} as LocksModuleOptions)).toThrow(LockConfigurationError);
  });

  it("serves two applications that import the same module, and survives the end of one", async () => {
    const rest = rests.open();
    const module = LocksModule.forRoot(rest.locks());
    await withApplication([module], (inventory) => inventory.update("a"));
    await withApplication([module], async (inventory) => {
      await inventory.update("b");
      expect(inventory.updates).toEqual(["b"]);
    });
  });
});

describe("LocksModule.forRootAsync", () => {
  it("injects what its factory needs, and takes options from it", async () => {
    const rest = rests.open();
    const module = LocksModule.forRootAsync({
      imports: [configurationModule(rest)],
      inject: [Configuration],
      useFactory: async (configuration: Configuration) => configuration.options(),
    });
    await withApplication([module], async (inventory, locks) => {
      await expectLocking(rest, inventory);
      const lock = await locks.acquire("a");
      expect(await rest.locks().isLocked("shop:a")).toBe(true);
      await lock.release();
    });
  });

  it("takes a lock service from its factory", async () => {
    const rest = rests.open();
    const service = rest.locks();
    const module = LocksModule.forRootAsync({ useFactory: () => service });
    await withApplication([module], (inventory) => expectLocking(rest, inventory));
  });

  it("fails the application's start on a wrong option from the factory", async () => {
    const database = rests.open().database();
    const module = LocksModule.forRootAsync({ useFactory: () => ({ database, maxTtl: 1 }) });
    await expect(withApplication([module], async () => {})).rejects.toThrow("maxTtl");
  });
});

it("unknown options are refused, with the right name", () => {
  const database = rests.open().database();
  const useFactory = () => ({ database });
  const root = { database, isglobal: true } as LocksModuleOptions;
  expect(() => LocksModule.forRoot(root)).toThrow(/did you mean "isGlobal"/);
  const spelled: object = { global: true };
  expect(() => LocksModule.forRootAsync({ useFactory, ...spelled })).toThrow(/"isGlobal"/);
  expect(() => LocksModule.forRoot(null as never)).toThrow(LockConfigurationError);
});

describe("isGlobal", () => {
  @Injectable()
  class Deep {
    readonly locks: ILockService;
    constructor(@Inject(LOCK_SERVICE) locks: ILockService) {
      this.locks = locks;
    }
  }

  const deepModule = moduleOf({ providers: [Deep] });

  it.each<[string, (rest: Rest, isGlobal: boolean) => DynamicModule]>([
    ["forRoot", (rest, isGlobal) => LocksModule.forRoot({ database: rest.database(), isGlobal })],
    [
      "forRootAsync",
      (rest, isGlobal) => LocksModule.forRootAsync({ useFactory: () => rest.locks(), isGlobal }),
    ],
  ])("of %s lets every module inject the service; without it, only importers", async (_, make) => {
    const rest = rests.open();
    await withApplication([make(rest, true), deepModule], (inventory) => inventory.update("a"));
    await expect(withApplication([make(rest, false), deepModule], async () => {})).rejects.toThrow(
      "leasehold.lock-service",
    );
  });
});
