import {
  Inject,
  Injectable,
  Logger,
  type LoggerService,
  type ModuleMetadata,
} from "@nestjs/common";
import { NestFactory, Reflector } from "@nestjs/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { LockService } from "../../src/index.ts";
import {
  LOCK_OPTIONS,
  LOCK_SERVICE,
  LocksModule,
  WithLock,
  type ILockService,
} from "../../src/nestjs/index.ts";
import { FaultyDatabase, MemoryDatabase } from "../../src/testing/index.ts";
import { StoredLock } from "../support/fault-keys.ts";
import { ManualRuntime } from "../support/manual-runtime.ts";
import { useRest, type Rest } from "../support/rest.ts";
import { moduleOf, openApplication } from "./application.ts";

const rests = useRest();

/** As a service that knows nothing of locks, but for its decorators. */
@Injectable()
class OrdersService {
  runs = 0;

  @WithLock({ key: "order:{0}", retry: { maxRetries: 0 } })
  async pay(_orderId: string): Promise<number> {
    return (this.runs += 1);
  }

  @WithLock({ key: "order:{0}", ttl: 10_000, retry: { maxRetries: 0 }, onLockFailed: "skip" })
  async payOnce(_orderId: string): Promise<number | undefined> {
    return (this.runs += 1);
  }

  @WithLock({ key: "order:{0}" })
  static async everywhere(_orderId: string): Promise<void> {}
}

/** Its own service takes precedence over that of Nest. */
@Injectable()
class OwnService {
  locks: LockService | undefined;

  @WithLock({ key: "a" })
  async run(): Promise<void> {}

  @WithLock({ key: "a", service: (self: OwnService) => self.named })
  async runNamed(): Promise<void> {}

  get named(): LockService {
    if (this.locks === undefined) throw new Error("no locks");
    return this.locks.forRequest({});
  }
}

@Injectable()
class InheritingService extends OrdersService {
  constructor(@Inject(LOCK_SERVICE) readonly service: ILockService) {
    super();
  }
}

/** Runs `use` with the providers of an application, with or without LocksModule. */
async function withProviders(
  rest: Rest,
  metadata: ModuleMetadata,
  use: (get: <T>(type: new (...args: never[]) => T) => T) => Promise<void>,
): Promise<void> {
  const { imports = [LocksModule.forRoot(rest.locks())], providers = [] } = metadata;
  const application = await openApplication({ imports, providers });
  try {
    await use((type) => application.get(type));
  } finally {
    await application.close();
  }
}

describe("@WithLock of leasehold/nestjs", () => {
  it("locks a provider that has no lock service, with that of LocksModule", async () => {
    const rest = rests.open();
    await withProviders(rest, { providers: [OrdersService] }, async (get) => {
      const orders = get(OrdersService);
      expect(await orders.pay("17")).toBe(1);
      const other = await rest.locks().acquire("order:17");
      await expect(orders.pay("17")).rejects.toMatchObject({ reason: "held" });
      expect(await orders.payOnce("17")).toBeUndefined();
      await other.release();
      expect(await orders.payOnce("17")).toBe(2);
    });
    expect(rest.session.counters.byScript).toMatchObject({ release: 3 });
  });

  it("locks a provider that inherits the method", async () => {
    const rest = rests.open();
    await withProviders(rest, { providers: [InheritingService] }, async (get) => {
      expect(await get(InheritingService).pay("17")).toBe(1);
    });
    expect(rest.session.counters.byScript).toEqual({ acquire: 1, release: 1 });
  });

  it("prefers the provider's own `locks`, and `service` to both", async () => {
    const [rest, own] = [rests.open(), rests.open()];
    await withProviders(rest, { providers: [OwnService] }, async (get) => {
      const service = get(OwnService);
      await service.run();
      expect(rest.session.counters.byScript).toEqual({ acquire: 1, release: 1 });
      service.locks = own.locks();
      await service.run();
      await service.runNamed();
      expect(own.session.counters.byScript).toEqual({ acquire: 2, release: 2 });
    });
    expect(rest.session.counters.byScript).toEqual({ acquire: 1, release: 1 });
  });

  it("never runs unlocked: without LocksModule, or static, a call is refused", async () => {
    const rest = rests.open();
    const metadata = { imports: [], providers: [OrdersService] };
    await withProviders(rest, metadata, async (get) => {
      const orders = get(OrdersService);
      const refused = { code: "LOCK_CONFIGURATION", option: "service" };
      await expect(orders.pay("17")).rejects.toMatchObject(refused);
      await expect(OrdersService.everywhere("17")).rejects.toMatchObject(refused);
      expect(orders.runs).toBe(0);
    });
    expect(rest.session.counters.requests).toBe(0);
  });

  it("leaves its options where Reflector finds them", async () => {
    const reflector = new Reflector();
    const optionsOf = (owner: object, name: string): unknown =>
      reflector.get(LOCK_OPTIONS, Reflect.get(owner, name) as () => void);
    expect(optionsOf(OrdersService.prototype, "payOnce")).toEqual({
      key: "order:{0}",
      ttl: 10_000,
      retry: { maxRetries: 0 },
      onLockFailed: "skip",
    });
    expect(optionsOf(OrdersService, "everywhere")).toMatchObject({ key: "order:{0}" });
  });

  it("refuses an option with an unknown name when the class is defined", () => {
    const wrong: object = { ttlMs: 5_000 };
    expect(() => WithLock({ key: "a", ...wrong })).toThrow(/did you mean "ttl"/);
  });
});

describe("Nest's Logger", () => {
  /** An application, and what its logger is warned of. */
  async function openLogged(
    service: LockService,
  ): Promise<{ warnings: string[]; locks: ILockService; close: () => Promise<void> }> {
    const warnings: string[] = [];
    const ignore = (): void => {};
    const logger: LoggerService = {
      log: ignore,
      error: ignore,
      warn: (message: unknown, context: unknown) =>
        warnings.push(`${String(context)}: ${String(message)}`),
    };
    onTestFinished(() => Logger.overrideLogger(false));
    const application = await NestFactory.createApplicationContext(
      moduleOf({ imports: [LocksModule.forRoot(service)] }),
      { logger, abortOnError: false },
    );
    const locks = application.get<ILockService>(LOCK_SERVICE);
    return { warnings, locks, close: () => application.close() };
  }

  it("is told of each renewal that fails, while the lock is held and valid", async () => {
    const runtime = new ManualRuntime();
    const database = new FaultyDatabase(new MemoryDatabase({ runtime }), { runtime });
    const service = new LockService({ database, runtime });
    const { warnings, locks, close } = await openLogged(service);
    const lock = await locks.acquire("kept", { ttl: 30_000 });
    const failing = database.inject({ kind: "fail", operations: ["renew"], times: 2 });
    await runtime.advance(20_000);
    expect(failing.hits).toBe(2);
    const warning = expect.stringMatching(
      /^leasehold: Failed renewal of "kept": Injected: "renew"/,
    );
    expect(warnings).toEqual([warning, warning]);
    lock.assertHeld();
    await close();
  });

  it("is told of losses and failed releases, until the application is closed", async () => {
    const rest = rests.open();
    const service = rest.locks();
    const { warnings, locks, close } = await openLogged(service);
    const lost = await locks.acquire("lost");
    await new StoredLock(rest, "lost").steal();
    expect(await lost.isHeld()).toBe(false);
    const kept = await locks.acquire("kept");
    rest.session.faults.add({ kind: "drop-request", script: "release", times: 1 });
    await kept.release();
    expect(warnings).toEqual([
      expect.stringMatching(/^leasehold: Loss of "lost": Lock "lost" was lost/),
      expect.stringMatching(/^leasehold: Failed release of "kept": Redis gave no answer/),
    ]);
    for (const { token } of [lost, kept]) expect(warnings.join()).not.toContain(token);
    await close();
    rest.session.faults.add({ kind: "drop-request", script: "release", times: 1 });
    await service.withLock("later", () => undefined);
    expect(warnings).toHaveLength(2);
    await new StoredLock(rest, "lost").vanish();
    await expect(lost.release()).rejects.toMatchObject({ code: "LOCK_NOT_OWNED" });
  });
});
