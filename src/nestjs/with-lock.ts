import { SetMetadata } from "@nestjs/common";
import {
  WithLock as WithLockOfCore,
  type LockSource,
  type LockedMethodDecorator,
  type NoSkip,
  type WithLockOptions,
} from "../locked-by.ts";
import { injectLocks, locksOf } from "./injection.ts";

/** Where the options of {@link WithLock} are: `reflector.get(LOCK_OPTIONS, handler)`. */
export const LOCK_OPTIONS = "leasehold.lock-options";

/**
 * Runs an async method of a provider under a lock, as {@link WithLockOfCore} does. Nest injects the
 * lock service of LocksModule; `this.locks`, if there is one, or `service` take precedence.
 *
 * @throws LockConfigurationError naming a wrong option, when the class is defined
 * @example
 * class OrdersService {
 *   @WithLock({ key: "order:{0}", ttl: 10_000 })
 *   async pay(orderId: string): Promise<void> {}
 * }
 */
export function WithLock<Self = unknown, Args extends unknown[] = unknown[]>(
  options: WithLockOptions<Self, Args, NoSkip>,
): LockedMethodDecorator<Self, Args, never>;
export function WithLock<Self = unknown, Args extends unknown[] = unknown[]>(
  options: WithLockOptions<Self, Args>,
): LockedMethodDecorator<Self, Args, undefined>;
export function WithLock<Self, Args extends unknown[]>(
  options: WithLockOptions<Self, Args>,
): LockedMethodDecorator<Self, Args, undefined> {
  const decorate = WithLockOfCore<Self, Args>({ service: injectedOr, ...options });

  function decorateMethod(
    target: object,
    name: string | symbol,
    descriptor: PropertyDescriptor,
  ): PropertyDescriptor {
    if (options.service === undefined) injectLocks(target);
    const locked = decorate(target as never, name, descriptor) as PropertyDescriptor;
    SetMetadata(LOCK_OPTIONS, options)(target, name, locked);
    return locked;
  }
  return decorateMethod as unknown as LockedMethodDecorator<Self, Args, undefined>;
}

/** What is no lock service is refused at the call. */
function injectedOr(self: unknown): LockSource {
  return locksOf(self) as LockSource;
}
