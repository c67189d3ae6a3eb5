import { checkOptions as checkOptionNames, checkType, show, type OptionNames } from "./check.ts";
import { LockConfigurationError, isHeldByAnother, type LockAcquisitionError } from "./errors.ts";
import { parseKeyTemplate } from "./key-template.ts";
import { checkDeclaredOptions, type AcquireOptions } from "./lock-options.ts";
import type { LockService } from "./lock-service.ts";

/** Runs a method under a lock: a LockService, or anything else with its `withLock`. */
export type LockSource = Pick<LockService, "withLock">;

/** What to do with a call whose lock is held by another. */
export type OnLockFailed = "throw" | "skip" | ((key: string, error: LockAcquisitionError) => Error);

/** Options of {@link lockedBy}; times in ms. */
export interface LockedByOptions<Self, Args extends unknown[], Failed = OnLockFailed> extends Pick<
  AcquireOptions,
  "ttl" | "waitTimeout" | "retry" | "autoRenew"
> {
  /**
   * The key: a string in which `{0}` stands for the first argument and `{1.name}` for a property of
   * the second; or a function of the arguments that returns one key, or several to take all or none.
   */
  readonly key: string | ((this: Self, ...args: Args) => string | readonly string[]);
  /**
   * When another holds the lock, even after waiting: `throw` the LockAcquisitionError, `skip` the
   * call and return undefined, or throw an error of your own. Every other error, those of the
   * method included, passes through untouched. @default "throw"
   */
  readonly onLockFailed?: Failed;
}

const LOCKED_BY_OPTIONS: OptionNames<WithLockOptions<never, never>> = {
  key: true,
  ttl: true,
  waitTimeout: true,
  retry: true,
  autoRenew: true,
  onLockFailed: true,
  service: true,
};

/** Options of {@link WithLock}; times in ms. */
export interface WithLockOptions<
  Self,
  Args extends unknown[],
  Failed = OnLockFailed,
> extends LockedByOptions<Self, Args, Failed> {
  /** Where the instance keeps its lock service. @default (self) => self.locks */
  readonly service?: (self: Self) => LockSource;
}

/** The choices under which a call is never skipped, and so never returns undefined for it. */
export type NoSkip = Exclude<OnLockFailed, "skip">;

/** Argument lists that a key function of `Args` can read: as many arguments, or more. */
type Readable<Args extends unknown[]> = number extends Args["length"]
  ? Args
  : [...Args, ...unknown[]];

/** A method decorator, for standard decorators and for `experimentalDecorators`. */
export interface LockedMethodDecorator<Self, Args extends unknown[], Skipped> {
  <This extends Self, Given extends unknown[] & Readable<Args>, Result>(
    method: (this: This, ...args: Given) => Promise<Result>,
    context: ClassMethodDecoratorContext<This, (this: This, ...args: Given) => Promise<Result>>,
  ): (this: This, ...args: Given) => Promise<Result | Skipped>;
  <Given extends unknown[] & Readable<Args>, Result>(
    target: NoInfer<Self>,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<(...args: Given) => Promise<Result>>,
  ): TypedPropertyDescriptor<(...args: Given) => Promise<Result | Skipped>>;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Runs an async method under a lock: one call at a time for each key, everywhere. Works as a
 * standard decorator and, for frameworks such as Nest, under `experimentalDecorators`.
 *
 * A call rejects with LockConfigurationError when there is no lock service or no key: it never runs
 * unlocked. Otherwise it rejects as `LockService.withLock` does.
 *
 * @throws LockConfigurationError naming a wrong option, when the class is defined
 * @example
 * class Shop {
 *   constructor(readonly locks: LockService) {}
 *
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
  const { service = locksOf } = checkOptions(options);
  checkType("service", service, "function");

  function decorate(target: unknown, context: unknown, descriptor?: PropertyDescriptor): unknown {
    if (descriptor === undefined) return guard(service, options, checkMethod(target, context));
    const method = checkMethod(descriptor.value, context);
    const locked = guard(service, options, method);
    // Metadata that other decorators, such as Nest's, attached to the method stays reachable.
    Object.setPrototypeOf(locked, method);
    return { ...descriptor, value: locked };
  }
  return decorate as LockedMethodDecorator<Self, Args, undefined>;
}

/**
 * {@link WithLock} without a decorator: returns a function that runs `work` under a lock.
 *
 * @throws LockConfigurationError naming a wrong option
 * @example
 * const pay = lockedBy(locks, { key: "order:{0}" }, async (orderId: string) => charge(orderId));
 * await pay("17");
 */
export function lockedBy<Self, Args extends unknown[], Result>(
  service: LockSource,
  options: LockedByOptions<Self, Args, NoSkip>,
  work: (this: Self, ...args: Args) => Result | Promise<Result>,
): (this: Self, ...args: Args) => Promise<Awaited<Result>>;
export function lockedBy<Self, Args extends unknown[], Result>(
  service: LockSource,
  options: LockedByOptions<Self, Args>,
  work: (this: Self, ...args: Args) => Result | Promise<Result>,
): (this: Self, ...args: Args) => Promise<Awaited<Result> | undefined>;
export function lockedBy<Self, Args extends unknown[], Result>(
  service: LockSource,
  options: LockedByOptions<Self, Args>,
  work: (this: Self, ...args: Args) => Result | Promise<Result>,
): (this: Self, ...args: Args) => Promise<Awaited<Result> | undefined> {
  checkLockSource(service, "the first argument of lockedBy");
  checkType("work", work, "function");
  return guard(() => service, checkOptions(options), work);
}

/** `work`, run under the lock that each call's arguments name. */
function guard<Self, Args extends unknown[], Result>(
  serviceOf: (self: Self) => LockSource,
  options: LockedByOptions<Self, Args>,
  work: (this: Self, ...args: Args) => Result | Promise<Result>,
): (this: Self, ...args: Args) => Promise<Awaited<Result> | undefined> {
  const { key, onLockFailed = "throw", ttl, waitTimeout, retry, autoRenew } = options;
  const lockOptions: AcquireOptions = {
    ...(ttl === undefined ? {} : { ttl }),
    ...(waitTimeout === undefined ? {} : { waitTimeout }),
    ...(retry === undefined ? {} : { retry }),
    ...(autoRenew === undefined ? {} : { autoRenew }),
  };
  const keyOf = keyMaker(key);

  async function locked(this: Self, ...args: Args): Promise<Awaited<Result> | undefined> {
    const service = checkLockSource(serviceOf(this), "service(this)");
    const keys = keyOf.apply(this, args);
    // From here on an error is the method's own, or the release's: the acquisition has succeeded.
    let hasEntered = false;
    const enter = (): Result | Promise<Result> => {
      hasEntered = true;
      return work.apply(this, args);
    };
    try {
      return await service.withLock(keys, enter, lockOptions);
    } catch (error) {
      if (hasEntered || onLockFailed === "throw" || !isHeldByAnother(error)) throw error;
      if (onLockFailed === "skip") return undefined;
      throw onLockFailed(error.lockKey ?? "", error);
    }
  }
  for (const name of ["name", "length"] as const) {
    Object.defineProperty(locked, name, { value: work[name], configurable: true });
  }
  return locked;
}

function keyMaker<Self, Args extends unknown[]>(
  key: string | ((this: Self, ...args: Args) => string | readonly string[]),
): (this: Self, ...args: Args) => string | readonly string[] {
  if (typeof key === "function") return key;
  const fill = parseKeyTemplate(key);
  return (...args) => fill(args);
}

/** Where the lock service is found by default. */
function locksOf(self: unknown): LockSource {
  // `this` of a static method is the class itself.
  const isObject = typeof self === "function" || (typeof self === "object" && self !== null);
  return checkLockSource(isObject && "locks" in self ? self.locks : undefined, "this.locks");
}

function checkLockSource(value: unknown, where: string): LockSource {
  if (isLockSource(value)) return value;
  throw new LockConfigurationError(
    "service",
    `must be a LockService, but ${where} is ${show(value)}; nothing was run`,
  );
}

function isLockSource(value: unknown): value is LockSource {
  if (typeof value !== "object" || value === null) return false;
  return "withLock" in value && typeof value.withLock === "function";
}

function checkMethod(method: unknown, context: unknown): Method {
  const kind = typeof context === "object" && context !== null && "kind" in context;
  if (isMethod(method) && (!kind || context.kind === "method")) return method;
  const what = kind ? String(context.kind) : show(context);
  throw new LockConfigurationError("WithLock", `decorates methods, but ${what} is not one`);
}

function isMethod(value: unknown): value is Method {
  return typeof value === "function";
}

/** Checks what can be checked before there is a service; the rest is checked at each call. */
function checkOptions<Options extends LockedByOptions<never, never>>(options: Options): Options {
  checkOptionNames<WithLockOptions<never, never>>("lockedBy", options, LOCKED_BY_OPTIONS);
  const { key, onLockFailed = "throw" } = options;
  if (typeof key !== "function") parseKeyTemplate(key);
  checkDeclaredOptions(options);
  const isKnown = onLockFailed === "throw" || onLockFailed === "skip";
  if (!isKnown && typeof onLockFailed !== "function") {
    throw new LockConfigurationError(
      "onLockFailed",
      `must be "throw", "skip" or a function, but is ${show(onLockFailed)}`,
    );
  }
  return options;
}
